"""What is wrong with a learner's code: a catalogue of mistakes, the search for them, and the verdict.

What people get wrong and the catalogue does not hold, and why: a node that is used twice (a chain of layers has none);
the slope of the input taken too (no gradient of a parameter depends on it); the argmax along the wrong axis and dropout
at test time (neither is in a gradient, loss or update); a check of gradients that is wrong itself (that is `cp.check`).
"""
