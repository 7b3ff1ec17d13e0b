"""The study of walking noise: how much noise a network bears, and where.

Noise is put in one place of a network at a time, in networks trained without noise and in networks trained with it, and
everywhere at once (Borras et al., *Walking Noise*, arXiv 2212.10430). Every accuracy is that of test samples which
nothing was chosen by.
"""
