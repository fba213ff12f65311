"""Frames: positions of one coordinate frame in another, or a refusal that names both."""

from vo_server.errors import WrongFrame
from vo_server.model.space import Frame, Points


def transform(points: Points, given: Frame | None, wanted: Frame, *, argument: str) -> Points:
    """Give points (n, 3) in metres in the frame `wanted`.

    given: None means that the source states no frame; its positions are then taken in the
    wanted one, as the published service contract has it. Raises WrongFrame naming both frames
    where no exact transformation is known.
    """
    if given is None or given == wanted:
        return points
    raise WrongFrame(
        f"positions of {argument} are in frame {given}, the run is in {wanted}; "
        "no exact transformation between them is available here",
        argument=argument,
    )
