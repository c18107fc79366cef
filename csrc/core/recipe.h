/* recipe.h -- how values are computed again that backward will read and nobody else keeps. For core/storage.c, which
   holds its lock around all of these. */
#ifndef PC_RECIPE_H
#define PC_RECIPE_H
#include "tensor.h"

/* (v - mean) * scale + shift, by channel: the vectors scale, mean, shift, one behind the other. */
typedef struct pc_affine {
    int64_t refs;
    float values[];
} pc_affine;

typedef struct pc_recipe pc_recipe;
typedef struct pc_operand {
    pc_storage *of;            /* NULL: there is none. Borrowed; owned, as a saved reference, if the recipe is in use */
    pc_affine *affine;         /* of its values, or NULL; owned */
    bool relu;                 /* of that */
    pc_recipe *recipe;         /* whose operand this is */
    struct pc_operand *next;   /* of the storage's readers */
} pc_operand;

/* operand[0] + operand[1], or operand[0] alone, and ReLU of it if relu is set. */
struct pc_recipe {
    pc_storage *result;        /* borrowed */
    pc_operand operand[2];
    bool relu;
    bool in_use;               /* result's memory has been given back */
    bool stale;                /* result is being written to */
    int depth;                 /* of recipes that read what recipes make */
    pc_recipe *next;           /* of those that are discarded */
};

/* s as an operand: with its own recipe put in its place, if that has one operand. False: writes to s may go unseen, or
   it is `result` itself, whose values of before are gone. */
bool pc_recipe_operand(const pc_storage *s, const pc_storage *result, pc_operand *o);
void pc_recipe_drop_operand(pc_operand *o); /* that goes into no recipe */
/* The values of s, just computed, are those of a and b (or a alone). Takes the operands' affine maps. Not being able to
   remember that is no error. */
void pc_recipe_set(pc_storage *s, const pc_operand *a, const pc_operand *b, bool relu);
/* s has ReLU of the values of `from`: its recipe goes over, or serves both. */
void pc_recipe_follow(pc_storage *s, pc_storage *from, bool take);
/* Forget how s is computed. Its memory must be there, or nobody want it. */
void pc_recipe_discard(pc_storage *s);
/* Give s its memory again, if it was given back. */
pc_status pc_recipe_restore(pc_storage *s);
/* The values of s are about to change, or to go: whoever would be computed from them gets memory, and no recipe. */
pc_status pc_recipe_forget_readers(pc_storage *s);
/* A reference to s went: if saved ones alone are left, give its memory back. */
void pc_recipe_release(pc_storage *s);
/* s has died. */
void pc_recipe_unlink(pc_storage *s);
/* What has been discarded since the last time: to be freed, without the lock, by pc_recipe_free. */
pc_recipe *pc_recipe_discarded(void);
void pc_recipe_free(pc_recipe *r);

#endif
