/* cifar.h -- the pickled batches of CIFAR-10 and CIFAR-100, read as data: a file that names more than an array is
 * refused. */
#ifndef PC_CIFAR_H
#define PC_CIFAR_H
#include "../core/tensor.h"
#include "../io/pickle.h"

/* One file's dict: keys and strings point into bytes. */
typedef struct pc_cifar_file {
    pc_arena arena;
    uint8_t *bytes;
    pc_item *root;
} pc_cifar_file;

pc_status pc_cifar_open(const char *path, pc_cifar_file *out);
void pc_cifar_close(pc_cifar_file *f);

/* The images of all files, uint8 [n, 32, 32, 3], and their labels, int64 [n], under "labels" or "fine_labels".
   PC_EFORMAT for rows of other than 3072 bytes, counts that differ, and labels outside of [0, classes). On a failure
   *which is the file's index. */
pc_status pc_cifar_read(const char *const *paths, int count, int64_t classes, pc_tensor **images, pc_tensor **labels,
                        int *which);

#endif
