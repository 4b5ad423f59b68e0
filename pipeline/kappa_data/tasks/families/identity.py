"""Questions about what the assistant is, answered honestly: an AI, no human, no vendor's name."""
