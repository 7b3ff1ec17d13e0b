"""Networks trained with quantised weights and activations, by Brevitas.

:class:`models.quantised.rules.Quantisation` says how coarse; :func:`models.quantised.nets.quantise` makes a network of
it from any float network; :func:`models.quantised.training.train_quantised` trains it. Importing this package loads
neither torch nor Brevitas; Brevitas is in the extra ``studies``.
"""
