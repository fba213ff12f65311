from impex.dialect import Dialect, Record
from impex.fmi import FMI


def test_spread_members_stand_beside_the_others() -> None:
    names = [parameter.name for parameter in FMI.operations[0].request.flat()]
    assert names == [
        *("ResourceID", "Variable", "url_XYZ"),
        *("InterpolationMethod", "OutputFileType", "Additions"),
    ]


def test_walk_gives_every_level() -> None:
    (table,) = (o for o in FMI.operations if o.name == "getVOTableURL")
    names = [parameter.name for parameter in table.request.walk()]
    assert names[:5] == ["Table_name", "Description", "Fields", "data", "name"]
    assert [p.many for p in table.request.members] == [False, False, True]


def test_operations_are_known_by_element_name_and_action() -> None:
    alive = next(operation for operation in FMI.operations if operation.name == "isAlive")
    assert alive.answers_to("EMPTYELEMENT")
    assert alive.answers_to("isalive")
    assert not alive.answers_to("emptyAlive")
    assert alive.has_action('"Alive"')
    assert alive.has_action("isAlive")
    assert not alive.has_action("")


def test_an_empty_action_names_nothing(latmos: Dialect) -> None:
    assert not any(operation.has_action('""') for operation in latmos.operations)


def test_types_come_after_those_they_are_made_from() -> None:
    kinds = list(FMI.simple_types())
    for kind in kinds:
        places = [kinds.index(ancestor) for ancestor in kind.lineage()]
        assert places == sorted(places)
        assert places[-1] == kinds.index(kind)


def test_effective_defaults_are_values_of_their_type() -> None:
    for operation in FMI.operations:
        for parameter in operation.request.walk():
            if parameter.fallback and not isinstance(parameter.type, Record):
                assert parameter.least == 0
                assert not parameter.type.values or parameter.fallback in parameter.type.values
