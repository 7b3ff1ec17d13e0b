"""The study of hardening: what makes a network bear noise, and whether that holds on a board.

Networks are trained plainly, under noise and with quantised activations, and judged under additive noise after every
operation. Then a perceptron for keywords is hardened in the same ways for emulated boards, with the noise that their
calibrations measured, and judged on them.
"""
