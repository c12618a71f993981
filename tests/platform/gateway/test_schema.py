"""TM-18: what the description of the platform's routes allows, and much that it does not, is answered as it says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fedstyle_secure.platform.service import opened
from tests.platform.house import make
from threat_models.town import Town

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    with opened(make(folder / "platform", Town(folder)), poll_seconds=0.0) as service:
        yield schemathesis.openapi.from_asgi("/openapi.json", service.app)


def test_every_route_answers_as_it_is_described(described):
    routes = 0
    for found in described.get_all_operations():
        routes += 1

        @settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
        @given(case=found.ok().as_strategy())
        def answers(case):
            case.call_and_validate(checks=CHECKS)

        answers()
    assert routes >= 15
