"""einsum: sums of products, told by the letters of the dimensions."""

import string

from pycnn import _C

_fn = _C.fn


def _parse(equation, operands):
    """Labels of each operand's dimensions and of the result's; those of an ellipsis are numbers."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        what = "fewer" if len(terms) > len(operands) else "more"
        raise RuntimeError(f"einsum(): {what} operands were provided than specified in the equation")
    rank, labels = 0, []
    for k, (term, x) in enumerate(zip(terms, operands)):
        head, dots, tail = term.partition("...")
        for letter in head + tail:
            if letter not in string.ascii_letters:
                raise RuntimeError(f"einsum(): invalid subscript given at index {equation.index(letter)} in the "
                                   "equation string, subscripts must be in [a-zA-Z]")
        extra = x.dim() - len(head + tail)
        if extra < 0 or extra > 0 and not dots:
            raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(head + tail)}) "
                               f"{'is more than' if extra < 0 else 'does not match'} the number of dimensions "
                               f"({x.dim()}) for operand {k}"
                               + (" and no ellipsis was given" if extra > 0 else ""))
        rank = max(rank, extra if dots else 0)
        labels.append([*head, *range(-extra, 0), *tail])  # those of an ellipsis are aligned at their ends
    every = [letter for label in labels for letter in label]
    if arrow:
        head, dots, tail = right.partition("...")
        result = [*head, *(range(-rank, 0) if dots else ()), *tail]
        for letter in head + tail:
            if (head + tail).count(letter) > 1:
                raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
            if letter not in every:
                raise RuntimeError(f"einsum(): output subscript {letter} does not appear in the equation for any input "
                                   "operand")
    else:
        result = [*range(-rank, 0), *sorted(letter for letter in set(every) if isinstance(letter, str)
                                            and every.count(letter) == 1)]
    return labels, result


def _diagonal(x, labels):
    """The operand with each label once."""
    for letter in dict.fromkeys(labels):
        while labels.count(letter) > 1:
            i = labels.index(letter)
            j = labels.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(f"einsum(): subscript {letter} is repeated for operand but the sizes don't match, "
                                   f"{x.shape[j]} != {x.shape[i]}")
            x = x.diagonal(0, i, j)
            labels = [v for k, v in enumerate(labels) if k not in (i, j)] + [letter]
    return x, labels


def _sum_out(x, labels, needed):
    gone = [k for k, label in enumerate(labels) if label not in needed]
    return (x.sum(gone), [label for label in labels if label in needed]) if gone else (x, labels)


def _product(a, a_labels, b, b_labels, needed):
    """The product of two operands, summed over what is in both and needed no more."""
    a, a_labels = _sum_out(a, a_labels, {*b_labels, *needed})
    b, b_labels = _sum_out(b, b_labels, {*a_labels, *needed})
    sizes = {}
    for x, labels in ((a, a_labels), (b, b_labels)):
        for label, size in zip(labels, x.shape):
            known = sizes.setdefault(label, size)
            if 1 not in (known, size) and known != size:
                raise RuntimeError(f"einsum(): subscript {label} has size {size} for an operand which does not "
                                   f"broadcast with previously seen size {known}")
            sizes[label] = max(known, size) if 0 not in (known, size) else 0
    both = [label for label in a_labels if label in b_labels]
    batch, summed = [v for v in both if v in needed], [v for v in both if v not in needed]
    only_a, only_b = [v for v in a_labels if v not in both], [v for v in b_labels if v not in both]

    def matrix(x, labels, *groups):
        x = x.expand([sizes[label] for label in labels])
        order = [label for group in groups for label in group]
        counts = []
        for group in groups:
            n = 1
            for label in group:
                n *= sizes[label]
            counts.append(n)
        return x.permute([labels.index(label) for label in order]).reshape(counts)

    product = _fn.bmm(matrix(a, a_labels, batch, only_a, summed), matrix(b, b_labels, batch, summed, only_b))
    labels = batch + only_a + only_b
    return product.reshape([sizes[label] for label in labels]), labels


def einsum(equation, *operands):
    """Return a sum of products of tensors, told by the letters of their dimensions.

    Parameters
    ----------
    equation : str
        As ``"ij,jk->ik"``, a matrix product: letters that the result does not name are summed over. ``...`` stands for
        further dimensions, which broadcast. Without ``->`` the result has the letters that occur once, in alphabetical
        order.
    *operands : Tensor
        Or one sequence of them.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the equation does not fit the operands.

    Examples
    --------
    >>> einsum("ij,j->i", pycnn.eye(2), pycnn.ones(2))
    tensor([1., 1.])
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    labels, result = _parse(equation, operands)
    pairs = [_diagonal(x, label) for x, label in zip(operands, labels)]
    x, have = pairs[0]
    for k, (other, other_labels) in enumerate(pairs[1:], 2):
        later = {label for _, rest in pairs[k:] for label in rest}
        x, have = _product(x, have, other, other_labels, {*result, *later})
    x, have = _sum_out(x, have, set(result))
    return x.permute([have.index(label) for label in result])
