"""Users by initial."""

import pytest
from asgiref.base_layer import BaseChannelLayer

from consumers.initials import group_name


def test_a_message_reaches_users_with_the_same_initial_only(connect):
    path = "/channel/initials/"
    anna, ben, berta = (connect(path, user=name) for name in ("anna", "ben", "berta"))
    ben.send({"message": "hello"})
    assert ben.frame() == berta.frame() == {"message": "hello", "user": "ben"}
    anna.send({"message": "alone"})
    assert anna.frame() == {"message": "alone", "user": "anna"}


def test_a_username_may_be_of_any_script(connect):
    one, two = (connect("/channel/initials/", user="中村") for _ in range(2))
    one.send({"message": "你好"})
    assert two.frame() == {"message": "你好", "user": "中村"}


@pytest.mark.parametrize("username", ["a", "Z9", "_", "@home", "+1", ".", "中村", "É", "𝒳"])
def test_every_initial_has_a_group_name_of_its_own(username):
    name = group_name(username)
    assert BaseChannelLayer().valid_group_name(name)
    assert name == group_name(username[0] + "nybody")
    assert all(name != group_name(other) for other in "abu0" if other != username[0])
