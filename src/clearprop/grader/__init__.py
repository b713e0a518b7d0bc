"""Exercises to fill in, the sandbox that runs what learners write, and the judge that names their mistakes."""
