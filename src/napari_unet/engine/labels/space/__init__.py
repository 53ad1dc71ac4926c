"""Masks and images of two or three axes alike: which pixels lie beside each other, and pieces."""
