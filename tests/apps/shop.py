"""A shop with accounts: Flask-Security-Too as it comes, with registration, recovery and login switched on.

Stands for any application that Tollgate is put before. Nothing in it knows of Tollgate.
State is one SQLite file, named by SHOP_DATABASE (default: in memory).
"""

import os

from flask import Flask, render_template_string
from flask_mail import Mail
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, hash_password
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config.update(
    SECRET_KEY="not-a-secret-this-shop-lives-for-one-demo",
    SECURITY_PASSWORD_SALT="12345678901234567890",
    # One round of hashing less than a real shop: the demo's visitors should not wait for it.
    SECURITY_PASSWORD_HASH="pbkdf2_sha512",
    SECURITY_REGISTERABLE=True,
    SECURITY_SEND_REGISTER_EMAIL=False,
    SECURITY_RECOVERABLE=True,
    SECURITY_USERNAME_ENABLE=False,
    SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SECURITY_RETURN_GENERIC_RESPONSES=False,
    SESSION_COOKIE_SAMESITE="Lax",
    MAIL_SUPPRESS_SEND=True,
    SQLALCHEMY_DATABASE_URI=os.environ.get("SHOP_DATABASE", "sqlite:///:memory:"),
)

db = SQLAlchemy(app)
fsqla.FsModels.set_db_info(db)


class Role(db.Model, fsqla.FsRoleMixin):
    pass


class User(db.Model, fsqla.FsUserMixin):
    pass


Mail(app)
security = Security(app, SQLAlchemyUserDatastore(db, User, Role))


@app.get("/")
def home():
    return render_template_string("<h1>Shop</h1><a href='/login'>Sign in</a> <a href='/register'>Register</a>")


@app.get("/account")
@auth_required("session")
def account():
    return render_template_string("<h1>Your account</h1><p>{{ current_user.email }}</p>")


@app.get("/health")
def health():
    return "ok"


with app.app_context():
    db.create_all()
    for name in ("anna", "bert", "carla"):
        address = f"{name}@example.com"
        if not security.datastore.find_user(email=address):
            security.datastore.create_user(email=address, password=hash_password(f"{name}-has-a-Long-password"))
    db.session.commit()
