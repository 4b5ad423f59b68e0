"""placeholder until merged"""

from kappa_data.metrics.figures import Figures


def card_images(figures: Figures) -> list[tuple[str, str, bytes]]:
    return []
