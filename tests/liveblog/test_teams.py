"""Creating live blogs, their teams, and invitations: what each grants, and what is refused."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from liveblog.models import BlogUpdate, Invitation, LiveBlog, Membership
from liveblog.teams import joining, mail
from liveblog.teams.invitations import MAX_OPEN, path_of
from liveblog.teams.mail import send_invitation
from tests.liveblog.test_editor import ask
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import Tags, client_who_may, text_of

pytestmark = pytest.mark.django_db
EDITOR = "/liveblog/demo/edit/"
ABOUT, TEAM = f"{EDITOR}about/", f"{EDITOR}team/"
NEW = "/liveblogs/new/"
PASSWORD = "over the moon"
SITE = "http://testserver/"


@pytest.fixture(autouse=True)
def fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


def in_team(blog, role, name=None, **more):
    """A client that is logged in as a user with the role in the blog."""
    client = Client()
    client.user = User.objects.create_user(name or role, **more)
    client.row = Membership.objects.create(blog=blog, user=client.user, role=role)
    client.force_login(client.user)
    return client


@pytest.fixture
def manager(blog):
    return in_team(blog, "manager", "mona")


def invited(client, role="contributor", **more):
    """The invitation that the client makes."""
    response = client.post(TEAM, {"action": "invite", "role": role} | more)
    assert response.status_code == 302, text_of(response)
    return Invitation.objects.latest("pk")


def signed_up(address, name="nia", **more):
    """The response to the form of somebody who is not logged in, and that client."""
    client = Client()
    data = {"first_name": "Nia N.", "username": name, "email": ""}
    data |= {"password1": PASSWORD, "password2": PASSWORD}
    return client.post(address, data | more), client


class TestRolesInATeam:
    def test_a_contributor_writes_drafts_in_that_blog_alone(self, blog):
        other = LiveBlog.objects.create(slug="other", title="Other")
        contributor = in_team(blog, "contributor")
        assert ask(contributor, {"body": "One", "action": "draft"})[1]["action"] == "drafted"
        assert ask(contributor, {"body": "One"})[0] == 403
        assert contributor.get(ABOUT).status_code == 403
        assert ask(contributor, {"body": "x", "action": "draft"}, "/liveblog/other/edit/")[0] == 403
        assert not other.updates.exists()

    def test_an_editor_publishes_and_changes_settings_but_not_the_team(self, blog):
        editor = in_team(blog, "editor")
        assert ask(editor, {"body": "One"})[1]["action"] == "created"
        assert ask(editor, {"move": "end"}, ABOUT)[1]["state"] == "ended"
        assert editor.get(TEAM).status_code == 403
        page = text_of(editor.get(ABOUT))
        assert TEAM not in page and "Managers can change the team." in page
        for data in ({"action": "invite", "role": "manager"}, {"action": "remove", "member": 1}):
            assert editor.post(TEAM, data).status_code == 403
        assert not Invitation.objects.exists()

    def test_a_role_adds_to_what_a_group_grants(self, blog):
        contributor = member("contributor")
        Membership.objects.create(blog=blog, user=contributor.user, role="editor")
        LiveBlog.objects.create(slug="other", title="Other")
        assert ask(contributor, {"body": "One"})[0] == 200
        assert ask(contributor, {"body": "One"}, "/liveblog/other/edit/")[0] == 403

    def test_the_list_and_posts_link_to_the_editor_for_the_team_alone(self, blog):
        LiveBlog.objects.create(slug="other", title="Other")
        update = BlogUpdate.objects.create(blog=blog, body="Out")
        editor = in_team(blog, "editor")
        links = {tag.get("href") for tag in Tags(editor.get("/")).all("a")}
        assert EDITOR in links and "/liveblog/other/edit/" not in links and NEW not in links
        assert f"{EDITOR}?update={update.pk}" in text_of(editor.get(update.get_absolute_url()))

    def test_a_member_who_is_deactivated_may_do_nothing(self, blog, manager):
        manager.user.is_active = False
        manager.user.save()
        assert manager.get(TEAM).status_code == 302  # to the login
        assert ask(manager, {"body": "One"})[0] == 401

    def test_staff_without_permission_to_add_users_do_not_manage_teams(self, blog):
        staff = Client()
        staff.force_login(User.objects.create_user("ops", is_staff=True))
        assert staff.get(ABOUT).status_code == 200 and staff.get(TEAM).status_code == 403

    @pytest.mark.parametrize("kind", ["superuser", "admin"])
    def test_who_may_add_users_manages_every_team(self, blog, kind):
        client = member("admin", is_superuser=kind == "superuser")
        assert client.get(TEAM).status_code == 200


class TestNewBlog:
    @pytest.fixture
    def creator(self):
        client = client_who_may()
        client.user = User.objects.get(username="nobody")
        client.user.user_permissions.add(Permission.objects.get(codename="add_liveblog"))
        return client

    def test_its_creator_becomes_its_manager_and_can_write_at_once(self, creator):
        assert NEW in text_of(creator.get("/"))
        response = creator.post(NEW, {"title": "To the Moon"}, follow=True)
        assert response.redirect_chain == [("/liveblog/to-the-moon/edit/", 302)]
        assert "Live blog created." in text_of(response)
        blog = LiveBlog.objects.get()
        assert (blog.state, blog.starts_at) == ("live", None)
        assert [(row.user, row.role) for row in blog.team.all()] == [(creator.user, "manager")]
        assert ask(creator, {"body": "One"}, "/liveblog/to-the-moon/edit/")[0] == 200

    def test_with_a_start_time_it_is_upcoming(self, creator):
        creator.post(NEW, {"title": "Later", "starts_at": "2999-01-01T10:00"})
        blog = LiveBlog.objects.get()
        assert blog.state == "upcoming" and f"{blog.starts_at:%Y-%m-%d %H:%M}" == "2999-01-01 10:00"

    @pytest.mark.parametrize(
        ("title", "slug"),
        [
            ("登月直播", "dengyuezhibo"),
            ("الهبوط على القمر", "lhbwt-la-lqmr"),
            ("Посадка на Луну", "posadka-na-lunu"),
            ("Äpfel 🎉 für 3 €", "apfel-fur-3"),
            ("♥", r"live-[\d-]+"),
        ],
    )
    def test_a_title_in_any_script_gets_an_address(self, creator, title, slug):
        for _ in range(2):
            assert creator.post(NEW, {"title": title}).status_code == 302
        slugs = LiveBlog.objects.order_by("pk").values_list("slug", flat=True)
        assert re.fullmatch(slug, slugs[0]) and slugs[1] == f"{slugs[0]}-2"

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"title": ""}, "title"),
            ({"title": "x", "slug": "demo"}, "slug"),
            ({"title": "x", "slug": "no/slashes"}, "slug"),
            ({"title": "x", "starts_at": "2001-01-01T00:00"}, "starts_at"),
            ({"title": "x", "starts_at": "tomorrow"}, "starts_at"),
        ],
    )
    def test_what_is_wrong_is_explained_and_nothing_is_created(self, creator, blog, data, field):
        response = creator.post(NEW, data | {"description": "Typed"})
        assert response.status_code == 422 and "Typed" in text_of(response)
        assert list(response.context["form"].errors) == [field]
        assert LiveBlog.objects.count() == 1

    def test_it_takes_the_permission(self, blog, manager):
        assert manager.get(NEW).status_code == 403
        assert manager.post(NEW, {"title": "Mine"}).status_code == 403
        assert Client().post(NEW, {"title": "Mine"}).status_code == 302
        assert LiveBlog.objects.count() == 1

    def test_a_title_that_another_one_takes_at_the_same_time_gets_another_address(
        self, creator, blog, monkeypatch
    ):
        slugs = iter(["demo", "demo-2"])
        monkeypatch.setattr("liveblog.teams.new_blog.free_slug", lambda title: next(slugs))
        assert creator.post(NEW, {"title": "Demo"})["Location"] == "/liveblog/demo-2/edit/"


class TestSettings:
    def test_the_start_time_is_shown_and_changed(self, manager, blog):
        page = Tags(manager.get(ABOUT))
        assert page.all("input", name="starts_at", type="datetime-local")
        data = {"title": "Demo", "initial-title": "Demo", "initial-starts_at": ""}
        # As the page's script sends it.
        data["starts_at"] = "2999-01-01T10:00:00.000Z"
        response = manager.post(ABOUT, data, follow=True)
        assert response.redirect_chain == [(ABOUT, 302)] and "Saved." in text_of(response)
        blog.refresh_from_db()
        assert blog.starts_at.isoformat() == "2999-01-01T10:00:00+00:00"
        (field,) = Tags(manager.get(ABOUT)).all("input", name="starts_at")
        assert field["value"] == "2999-01-01T10:00"

    def test_a_start_time_with_seconds_is_no_change(self, manager, blog):
        blog.starts_at = timezone.now().replace(second=30)
        blog.save()
        form = manager.get(ABOUT).context["about"]
        (seen,) = re.findall(r'name="initial-starts_at" value="(.*?)"', str(form["starts_at"]))
        data = {"title": "Demo", "initial-title": "Demo", "initial-starts_at": seen}
        data["starts_at"] = f"{blog.starts_at:%Y-%m-%dT%H:%M}"
        assert ask(manager, data, ABOUT)[0] == 200
        blog.refresh_from_db()
        assert (blog.revision, blog.starts_at.second) == (1, 30)

    def test_it_says_what_the_end_means_to_readers(self, manager, settings):
        settings.EMBED_ORIGINS = ["*"]
        page = text_of(manager.get(ABOUT))
        assert "every open page shows that it has ended" in page
        assert TEAM in page and "embed.js" in page


class TestTheTeamSPage:
    def test_shows_each_member_and_what_they_may_do(self, blog, manager):
        in_team(blog, "contributor", "cleo", first_name="Cleo", last_name="C.")
        page = text_of(manager.get(TEAM))
        assert "Cleo C." in page and "mona" in page and "writes drafts" in page

    def test_roles_are_changed_and_members_removed(self, blog, manager):
        cleo = in_team(blog, "contributor", "cleo")
        change = {"action": "role", "member": cleo.row.pk, "role": "editor"}
        assert "Saved." in text_of(manager.post(TEAM, change, follow=True))
        assert ask(cleo, {"body": "One"})[0] == 200
        gone = manager.post(TEAM, {"action": "remove", "member": cleo.row.pk}, follow=True)
        assert "cleo is no longer on the team." in text_of(gone)
        assert ask(cleo, {"body": "Two"})[0] == 403
        assert User.objects.filter(username="cleo").exists() and blog.updates.count() == 1

    @pytest.mark.parametrize("data", [{"action": "remove"}, {"action": "role", "role": "editor"}])
    def test_the_last_manager_stays(self, blog, manager, data):
        in_team(blog, "manager", "gone", is_active=False)  # who could not manage either
        response = manager.post(TEAM, data | {"member": manager.row.pk}, follow=True)
        assert "A team needs a manager. Make someone else a manager first." in text_of(response)
        manager.row.refresh_from_db()
        assert manager.row.role == "manager"

    def test_one_of_two_managers_can_leave(self, blog, manager):
        in_team(blog, "manager", "max")
        response = manager.post(TEAM, {"action": "remove", "member": manager.row.pk})
        assert response["Location"] == "/" and manager.get(TEAM).status_code == 403

    def test_an_operator_can_remove_the_last_manager(self, blog, manager):
        root = Client()
        root.force_login(User.objects.create_superuser("root"))
        assert root.post(TEAM, {"action": "remove", "member": manager.row.pk}).status_code == 302
        assert not blog.team.exists()

    def test_the_manager_of_one_blog_changes_nothing_in_another(self, blog, manager):
        other = LiveBlog.objects.create(slug="other", title="Other")
        cleo = in_team(other, "contributor", "cleo")
        link = Invitation.objects.create(
            blog=other, inviter=User.objects.create_superuser("root"), role="editor"
        )
        theirs = "/liveblog/other/edit/team/"
        for address in (TEAM, theirs):
            wanted = 404 if address == TEAM else 403
            for data in (
                {"action": "role", "member": cleo.row.pk, "role": "manager"},
                {"action": "remove", "member": cleo.row.pk},
            ):
                assert manager.post(address, data).status_code == wanted
        manager.post(TEAM, {"action": "withdraw", "invitation": link.pk})
        assert manager.post(theirs, {"action": "invite", "role": "editor"}).status_code == 403
        cleo.row.refresh_from_db()
        assert cleo.row.role == "contributor" and list(other.invitations.all()) == [link]

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"action": "burn"},
            {"action": "role", "role": "editor"},
            {"action": "role", "member": "1", "role": "superuser"},
            {"action": "remove", "member": "9" * 30},
            {"action": "withdraw", "invitation": "x"},
        ],
    )
    def test_a_request_without_sense_is_404(self, manager, blog, data):
        assert manager.post(TEAM, data).status_code == 404
        assert blog.team.count() == 1

    def test_a_role_that_there_is_not_cannot_be_invited(self, manager):
        response = manager.post(TEAM, {"action": "invite", "role": "superuser"})
        assert response.status_code == 422 and not Invitation.objects.exists()

    def test_invitations_of_a_blog_are_bounded(self, manager, blog):
        Invitation.objects.bulk_create(
            Invitation(blog=blog, inviter=manager.user, role="editor") for _ in range(MAX_OPEN)
        )
        response = manager.post(TEAM, {"action": "invite", "role": "editor"})
        assert response.status_code == 422 and "Too many open invitations." in text_of(response)
        blog.invitations.update(expires=timezone.now())
        invited(manager)
        assert blog.invitations.count() == 1  # the expired ones are gone


class TestInvitations:
    def test_a_new_person_chooses_name_and_password_and_is_in_the_team(self, manager, blog):
        address = path_of(invited(manager))
        assert f"http://testserver{address}" in text_of(manager.get(TEAM))
        page = text_of(Client().get(address))
        assert "mona invites you" in page and "Contributor" in page and "noindex" in page
        response, nia = signed_up(address)
        assert response["Location"] == EDITOR
        user = User.objects.get(username="nia")
        assert (user.get_full_name(), user.check_password(PASSWORD)) == ("Nia N.", True)
        assert [(row.user, row.role) for row in blog.team.all()][1:] == [(user, "contributor")]
        assert ask(nia, {"body": "One", "action": "draft"})[0] == 200
        assert ask(nia, {"body": "One"})[0] == 403

    def test_what_else_is_posted_grants_nothing(self, manager):
        more = {"is_superuser": "on", "is_staff": "on", "role": "manager", "groups": "1"}
        signed_up(path_of(invited(manager)), **more | {"user_permissions": "1"})
        user = User.objects.get(username="nia")
        assert not (user.is_staff or user.is_superuser or user.groups.exists())
        assert not user.user_permissions.exists()
        assert Membership.objects.get(user=user).role == "contributor"

    def test_a_link_works_once(self, manager):
        address = path_of(invited(manager))
        signed_up(address)
        response, _ = signed_up(address, "second")
        assert response.status_code == 410 and "no longer works" in text_of(response)
        assert not User.objects.filter(username="second").exists()

    def test_an_expired_link_is_void(self, manager):
        invitation = invited(manager)
        assert invitation.expires - timezone.now() < timedelta(days=7, seconds=1)
        Invitation.objects.update(expires=timezone.now())
        invitation.refresh_from_db()
        assert signed_up(path_of(invitation))[0].status_code == 410
        assert path_of(invitation) not in text_of(manager.get(TEAM))

    def test_a_withdrawn_link_is_void(self, manager):
        invitation = invited(manager)
        address = path_of(invitation)
        data = {"action": "withdraw", "invitation": invitation.pk}
        assert "withdrawn" in text_of(manager.post(TEAM, data, follow=True))
        assert signed_up(address)[0].status_code == 410

    @pytest.mark.parametrize("why", ["deactivated", "deleted", "demoted", "removed"])
    def test_a_link_dies_with_its_inviter_s_right_to_invite(self, blog, manager, why):
        in_team(blog, "manager", "max")
        address = path_of(invited(manager, "manager"))
        if why == "deactivated":
            User.objects.filter(pk=manager.user.pk).update(is_active=False)
        elif why == "deleted":
            manager.user.delete()
        elif why == "demoted":
            Membership.objects.filter(pk=manager.row.pk).update(role="editor")
        else:
            manager.row.delete()
        assert signed_up(address)[0].status_code == 410
        assert not User.objects.filter(username="nia").exists()

    def test_a_forged_link_is_void(self, manager):
        first, second = (path_of(invited(manager, role)) for role in ("contributor", "manager"))
        number, signature = first.split("/")[2].split(".")[0], second.split(".", 1)[1]
        for token in (f"{number}.{signature[:-1]}", number, "x", f"{number}.{'A' * 43}"):
            assert Client().get(f"/invitations/{token}/").status_code == 410

    def test_the_database_alone_makes_no_link(self, manager, settings):
        invitation = invited(manager)
        settings.SECRET_KEY = "another key " * 5
        address = path_of(invitation)
        settings.SECRET_KEY = "only for tests " * 3
        assert Client().get(address).status_code == 410

    def test_somebody_with_an_account_joins_with_it(self, blog, manager):
        address = path_of(invited(manager, "editor"))
        zoe = client_who_may()
        assert "You are logged in as nobody." in text_of(zoe.get(address))
        assert zoe.get(EDITOR).status_code == 403  # looking is not joining
        assert zoe.post(address)["Location"] == EDITOR
        assert ask(zoe, {"body": "One"})[0] == 200
        assert User.objects.count() == 2

    @pytest.mark.parametrize(
        ("has", "offered", "gets"),
        [("contributor", "editor", "editor"), ("manager", "contributor", "manager")],
    )
    def test_an_invitation_raises_a_role_and_never_lowers_it(
        self, blog, manager, has, offered, gets
    ):
        zoe = in_team(blog, has, "zoe")
        zoe.post(path_of(invited(manager, offered)))
        zoe.row.refresh_from_db()
        assert zoe.row.role == gets

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"username": "Mona"}, "username"),
            ({"username": ""}, "username"),
            ({"first_name": ""}, "first_name"),
            ({"password1": "password1", "password2": "password1"}, "password2"),
            ({"password2": "another one"}, "password2"),
            ({"email": "no address"}, "email"),
        ],
    )
    def test_a_wrong_form_is_explained_and_the_link_still_works(self, manager, data, field):
        address = path_of(invited(manager))
        response, _ = signed_up(address, **data)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        assert not User.objects.filter(username="nia").exists()
        assert signed_up(address)[0].status_code == 302

    def test_usernames_cannot_be_guessed_endlessly(self, manager, monkeypatch):
        monkeypatch.setattr(joining, "ATTEMPTS", joining.ATTEMPTS.__class__("few", 2, 900, 0))
        address = path_of(invited(manager))
        for wanted in (422, 422, 429):
            response, _ = signed_up(address, username="mona")
            assert response.status_code == wanted
        assert "Too many attempts." in text_of(response)
        assert "already exists" not in text_of(response)

    def test_the_pages_are_in_chinese_too(self, manager):
        address = path_of(invited(manager))
        assert "创建账号并加入" in text_of(Client().get(address, headers={"accept-language": "zh"}))


class TestInvitationsByMail:
    @pytest.fixture(autouse=True)
    def queue(self, settings, monkeypatch):
        """The messages that workers would get."""
        settings.MAIL_IS_CONFIGURED = True
        queued = []

        class Channel:
            def __init__(self, name):
                assert name == mail.MAIL_CHANNEL

            def send(self, content, immediately):
                queued.append(content)

        monkeypatch.setattr(mail, "Channel", Channel)
        return queued

    def test_a_worker_sends_the_link_once(self, manager, queue):
        invitation = invited(manager, email="nia@example.com")
        assert queue == [{"invitation": invitation.pk, "site": SITE, "language": "en"}]
        assert "The email is being sent" in text_of(manager.get(TEAM))
        for _ in range(2):  # a message may be delivered again
            send_invitation(*queue[0].values())
        (sent,) = outbox.outbox
        assert sent.to == ["nia@example.com"] and sent.subject == "Invitation to “Demo”"
        assert f"http://testserver{path_of(invitation)}" in sent.body and "mona" in sent.body
        assert "Email sent" in text_of(manager.get(TEAM))

    def test_a_withdrawn_invitation_is_not_sent(self, manager, queue):
        invited(manager, email="nia@example.com")
        Invitation.objects.all().delete()
        send_invitation(*queue[0].values())
        assert outbox.outbox == []

    def test_a_mail_that_fails_is_shown(self, manager, queue, monkeypatch, caplog):
        def refuse(*args, **options):
            raise OSError("gone")

        monkeypatch.setattr(mail, "send_mail", refuse)
        invited(manager, email="nia@example.com")
        send_invitation(*queue[0].values())
        assert "The email could not be sent." in text_of(manager.get(TEAM))
        assert "was not sent" in caplog.text

    def test_the_answer_does_not_depend_on_whether_the_address_has_an_account(self, manager, queue):
        User.objects.create_user("known", email="known@example.com")
        answers = []
        for email in ("known@example.com", "other@example.com"):
            data = {"action": "invite", "role": "editor", "email": email}
            page = text_of(manager.post(TEAM, data, follow=True))
            answers.append(re.findall(r'class="message .*?>(.*?)<', page)[0].replace(email, ""))
        assert answers[0] == answers[1] and len(queue) == 2

    def test_no_newsletter_can_be_sent(self, manager, queue, monkeypatch):
        monkeypatch.setattr(mail, "MAILS", mail.MAILS.__class__("few-mails", 1, 3600, 0))
        invited(manager, email="a@example.com")
        data = {"action": "invite", "role": "editor", "email": "b@example.com"}
        response = manager.post(TEAM, data)
        assert response.status_code == 429 and "Too many invitations" in text_of(response)
        assert len(queue) == 1 and Invitation.objects.count() == 1

    def test_without_a_mail_server_no_address_is_asked_for(self, manager, queue, settings):
        settings.MAIL_IS_CONFIGURED = False
        assert not Tags(manager.get(TEAM)).all("input", name="email")
        assert invited(manager, email="nia@example.com").email == "" and queue == []
