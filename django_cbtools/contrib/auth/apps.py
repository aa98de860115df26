from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class DocumentAuthConfig(AppConfig):
    name = "django_cbtools.contrib.auth"
    label = "cb_auth"
    verbose_name = _("Authentication and Authorization")
    default = True


class DocumentAdminConfig(admin_apps.AdminConfig):
    """The admin without SQL. Use it instead of ``"django.contrib.admin"`` in INSTALLED_APPS."""

    default_site = "django_cbtools.contrib.auth.sites.DocumentAdminSite"
    default = False
