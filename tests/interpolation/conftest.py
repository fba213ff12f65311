from collections.abc import Iterator

import pytest

from interpolation import engine


@pytest.fixture(params=["numpy", "compiled"], scope="module", autouse=True)
def working_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test runs with both engines; all numbers must be the same."""
    assert engine.warm()
    if request.param == "numpy":
        with engine.numpy_only():
            yield request.param
    else:
        yield request.param
