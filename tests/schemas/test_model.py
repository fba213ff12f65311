"""The tables of the data models say what their standards do."""

import pytest

from schemas.model import VERSIONS, ElementType, Group, model
from schemas.simple_type import SimpleType


@pytest.mark.parametrize("name", VERSIONS)
def test_every_type_that_is_named_is_there(name: str) -> None:
    source = model(name)
    for kind in source.elements.values():
        source.type(kind)
    for made in source.types.values():
        if isinstance(made, ElementType):
            for child in made.children.values():
                source.type(child.type)


def test_content_is_read_as_in_a_dtd() -> None:
    granule = model("impex-1.0.2").type("Granule")
    assert isinstance(granule, ElementType)
    groups = [part for part in granule.content.parts if isinstance(part, Group)]
    assert [(group.choice, group.least) for group in groups] == [(True, 1), (True, 0)]
    assert list(granule.children)[:3] == ["ResourceID", "ReleaseDate", "ExpirationDate"]
    assert granule.children["Source"].most is None


def test_a_table_upon_another_changes_it() -> None:
    old, new = (model(f"impex-1.0.{last}").type("enumMeasurementType") for last in "23")
    assert isinstance(old, SimpleType)
    assert isinstance(new, SimpleType)
    assert set(old.values) - set(new.values) == {"Current"}
    assert model("impex-1.0.3").version == "1.0.3"


def test_an_unknown_model_is_none() -> None:
    with pytest.raises(KeyError):
        model("spase-9.9.9")
