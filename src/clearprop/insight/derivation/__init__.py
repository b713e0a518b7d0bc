"""The named steps of a pass, the rules that derive them, and their proof."""
