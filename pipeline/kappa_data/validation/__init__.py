"""What the stage validate is made of: checks are run, endings mended, a verdict given."""
