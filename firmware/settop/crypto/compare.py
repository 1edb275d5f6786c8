"""Comparison of secrets whose time tells nothing about their content."""


def equal(a, b):
    """True if the byte strings are equal. Reads all of `a` wherever they differ; shows only the lengths."""
    difference = len(a) ^ len(b)
    other = a if difference else b
    for i in range(len(a)):
        difference |= a[i] ^ other[i]
    return difference == 0
