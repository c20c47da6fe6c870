"""Countering the locality of convolutional networks by regularization: Section 3.6 of the thesis.

`regularizer` defines a loss term for image models, `tasks` makes image data with dependencies of a
chosen range, and `fitting` defines and trains networks.
"""
