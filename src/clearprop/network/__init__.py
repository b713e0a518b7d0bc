"""Structure, gradient and model."""
