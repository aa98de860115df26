"""What a construct is compiled to is compared with what has been recorded, as in the ORM's."""

from tests.orm.conftest import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
