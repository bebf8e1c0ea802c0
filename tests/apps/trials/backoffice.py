"""A Django site as its documentation builds one: the admin, and django-allauth with registration, password reset, codes by
e-mail instead of a password, and a second factor. Nothing in it knows of Tollgate.

State is one SQLite file and a folder of sent mail, both under BACKOFFICE_STATE.
`python backoffice.py` makes the database and its people; `gunicorn backoffice:application` serves.
"""

import os
import pathlib
import sys

STATE = pathlib.Path(os.environ["BACKOFFICE_STATE"])
PASSWORD = "anna-has-a-Long-password"
# Of `mfa@example.com`, who has a second factor.
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

from django.conf import settings  # noqa: E402

settings.configure(
    SECRET_KEY="not-a-secret-this-site-lives-for-one-trial",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE / "db.sqlite3",
                           "OPTIONS": {"timeout": 30}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages", "allauth", "allauth.account", "allauth.mfa", "allauth.headless",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    AUTHENTICATION_BACKENDS=[
        "django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend",
    ],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": STATE / "cache"}},
    EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
    EMAIL_FILE_PATH=STATE / "mail",
    LOGGING={"version": 1, "disable_existing_loggers": False, "handlers": {"console": {"class": "logging.StreamHandler"}},
             "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR"}}},
    LOGIN_REDIRECT_URL="/",
    STATIC_URL="static/",
    ACCOUNT_LOGIN_METHODS={"email"},
    ACCOUNT_SIGNUP_FIELDS=["email*", "password1*", "password2*"],
    ACCOUNT_LOGIN_BY_CODE_ENABLED=True,
    # A code of thirty seconds ago will do: nothing here should depend on how fast the machine is.
    MFA_TOTP_TOLERANCE=1,
    # As a site behind proxies is told to: https://docs.allauth.org/en/latest/account/rate_limits.html
    ALLAUTH_TRUSTED_PROXY_COUNT=2,
)

import django  # noqa: E402

django.setup()

from django.contrib import admin  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [
    path("", lambda request: HttpResponse(f"<h1>{request.user}</h1>")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
application = get_wsgi_application()


def populate():
    from allauth.account.models import EmailAddress
    from allauth.mfa.totp.internal.auth import TOTP
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    users.create_superuser("root", "root@example.com", PASSWORD)
    for name in ("anna", "mfa"):
        user = users.create_user(name, f"{name}@example.com", PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    TOTP.activate(user, TOTP_SECRET)


if __name__ == "__main__":
    sys.modules["backoffice"] = sys.modules[__name__]
    populate()
