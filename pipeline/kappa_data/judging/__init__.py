"""A judge model's second opinion on voice and substance, pair by pair; see docs/judging.md."""
