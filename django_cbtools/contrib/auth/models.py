"""Users and groups in documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.auth import models as auth_models
from django.contrib.auth import password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.models import CouchbaseModel, ListField, UniqueKey, load_objects

from .managers import ByName, UserManager
from .signing import Signed

_Permissions: Any = auth_models.PermissionsMixin
_User: Any = auth_models.AbstractUser


def _permissions(help_text: Any) -> Any:
    return ListField(
        models.CharField(max_length=255),
        verbose_name=_("permissions"),
        blank=True,
        help_text=help_text,
    )


class Group(Signed, CouchbaseModel):
    """A group of users. Its ``permissions`` are a list of strings, ``"app.codename"``."""

    class Meta:
        abstract = True
        app_label = "cb_auth"  # wherever it is imported, the app may not be installed
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        constraints = [UniqueKey(fields=["name"], name="cb_auth_group_name")]

    doc_type = "django_group"
    uid_prefix = "dgroup"
    default_channels = None
    signed_fields = ("name", "permissions", "st_deleted")
    without_rights = {"permissions": []}

    name = models.CharField(_("name"), max_length=150)
    permissions = _permissions("")

    objects: ClassVar[Any] = ByName()

    def __str__(self) -> str:
        return str(self.name)

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class AbstractDocumentUser(Signed, AbstractBaseUser, CouchbaseModel, base=True):
    """The base class of users in documents, as Django's AbstractUser.

    ``groups`` is a list of the uids of :class:`Group` documents, and ``user_permissions`` a list of
    strings such as ``"app.codename"``. A UniqueKey keeps ``username`` unique: saving a second user
    with the same name raises UniqueKeyTaken. The uid does not depend on the name, so users can be
    renamed.

    The fields named in ``signed_fields`` are signed. If the signature is not valid, they have the
    values in ``without_rights``. Add fields of your own that decide on rights: ``signed_fields =
    (*AbstractDocumentUser.signed_fields, "tenant")``.
    """

    class Meta:
        abstract = True
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [UniqueKey(fields=["username"], name="%(app_label)s_%(class)s_username")]

    uid_prefix = "duser"
    default_channels = None
    signed_fields: ClassVar[Sequence[str]] = (
        "username", "password", "email", "is_active", "is_staff", "is_superuser", "groups",
        "user_permissions", "st_deleted",
    )  # fmt: skip
    without_rights: ClassVar[Mapping[str, Any]] = {
        "password": UNUSABLE_PASSWORD_PREFIX, "is_active": False, "is_staff": False,
        "is_superuser": False, "groups": [], "user_permissions": [],
    }  # fmt: skip

    username = models.CharField(
        _("username"),
        max_length=150,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[_User.username_validator],
        error_messages={"unique": _("A user with that username already exists.")},
    )
    first_name = models.CharField(_("first name"), max_length=150, blank=True)
    last_name = models.CharField(_("last name"), max_length=150, blank=True)
    email = models.EmailField(_("email address"), blank=True)
    is_staff = models.BooleanField(
        _("staff status"),
        default=False,
        help_text=_("Designates whether the user can log into this admin site."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_(
            "Designates whether this user should be treated as active. Unselect this instead of "
            "deleting accounts."
        ),
    )
    is_superuser = models.BooleanField(
        _("superuser status"),
        default=False,
        help_text=_(
            "Designates that this user has all permissions without explicitly assigning them."
        ),
    )
    groups = ListField(
        models.CharField(max_length=250),
        verbose_name=_("groups"),
        blank=True,
        help_text=_(
            "The groups this user belongs to. A user will get all permissions granted to each of "
            "their groups."
        ),
    )
    user_permissions = _permissions(_("Specific permissions for this user."))
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now)

    objects: ClassVar[Any] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]

    username_validator = _User.username_validator
    get_full_name = _User.get_full_name
    get_short_name = _User.get_short_name
    email_user = _User.email_user

    # These methods ask the authentication back ends.
    get_user_permissions = _Permissions.get_user_permissions
    aget_user_permissions = _Permissions.aget_user_permissions
    get_group_permissions = _Permissions.get_group_permissions
    aget_group_permissions = _Permissions.aget_group_permissions
    get_all_permissions = _Permissions.get_all_permissions
    aget_all_permissions = _Permissions.aget_all_permissions
    has_perm = _Permissions.has_perm
    ahas_perm = _Permissions.ahas_perm
    has_perms = _Permissions.has_perms
    ahas_perms = _Permissions.ahas_perms
    has_module_perms = _Permissions.has_module_perms
    ahas_module_perms = _Permissions.ahas_module_perms

    def clean(self) -> None:
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)

    def get_groups(self) -> list[Group]:
        """Return the groups of the user, in one request.

        Groups that are deleted or have no valid signature are left out.
        """
        found: list[Group] = load_objects(self.groups, Group)
        return [group for group in found if not group.st_deleted and group.is_signed()]

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save the user as any document, except with ``update_fields``.

        Then the fields are saved even if somebody else has saved the user since it was loaded: the
        user is loaded again. So two log-ins at the same time, which save ``last_login``, are no
        conflict.
        """
        names = None if update_fields is None else frozenset(update_fields)
        try:
            super().save(update_fields=names, **kwargs)
        except SyncGatewayConflict:
            if names is None:
                raise
            self._save_again(names)

    def _save_again(self, names: Iterable[str]) -> None:
        changed = {name: getattr(self, name) for name in names}

        def change(user: Any) -> None:
            for name, value in changed.items():
                setattr(user, name, value)

        type(self).update_document(self.get_uid(), change)
        self.refresh_from_db()
        user: Any = self
        if user._password is not None:
            password_validation.password_changed(user._password, user)
            user._password = None


class User(AbstractDocumentUser):
    """The user model: ``AUTH_USER_MODEL = "cb_auth.User"``."""

    class Meta(AbstractDocumentUser.Meta):
        app_label = "cb_auth"
        managed = False  # migrations know it, for relations to it, and make no table

    doc_type = "django_user"
