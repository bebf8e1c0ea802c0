"""The server side of a single-page application as FastAPI Users' documentation builds it: JSON answers, a token for
telephones and a cookie for browsers, registration, verification and password reset. Nothing in it knows of Tollgate.

State is one SQLite file and one of sent mail, both under API_STATE. `uvicorn api:app` serves.
"""

import contextlib
import os
import pathlib
import uuid

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, InvalidPasswordException, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, CookieTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

STATE = pathlib.Path(os.environ["API_STATE"])
SECRET = "not-a-secret-this-application-lives-for-one-trial"

engine = create_async_engine(f"sqlite+aiosqlite:///{STATE / 'db.sqlite3'}")
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class Users(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = verification_token_secret = SECRET

    async def validate_password(self, password, user):
        if len(password) < 8:
            raise InvalidPasswordException(reason="at least 8 characters")

    async def on_after_forgot_password(self, user, token, request=None):
        mail(user, "reset", token)

    async def on_after_request_verify(self, user, token, request=None):
        mail(user, "verify", token)


def mail(user, kind, token):
    (STATE / "mail" / f"{kind}-{uuid.uuid4()}").write_text(f"To: {user.email}\n\n{kind}: {token}\n")


async def manager():
    async with new_session() as session:
        yield Users(SQLAlchemyUserDatabase(session, User))


def strategy():
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


bearer = AuthenticationBackend("jwt", BearerTransport(tokenUrl="api/auth/jwt/login"), strategy)
cookie = AuthenticationBackend("cookie", CookieTransport(cookie_secure=False), strategy)
users = FastAPIUsers[User, uuid.UUID](manager, [bearer, cookie])


class Read(schemas.BaseUser[uuid.UUID]):
    pass


class Create(schemas.BaseUserCreate):
    pass


@contextlib.asynccontextmanager
async def lifespan(_):
    (STATE / "mail").mkdir(exist_ok=True)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(users.get_auth_router(bearer), prefix="/api/auth/jwt")
# Browsers only get in with an address that was verified.
app.include_router(users.get_auth_router(cookie, requires_verification=True), prefix="/api/auth/cookie")
app.include_router(users.get_register_router(Read, Create), prefix="/api/auth")
app.include_router(users.get_verify_router(Read), prefix="/api/auth")
app.include_router(users.get_reset_password_router(), prefix="/api/auth")


@app.get("/api/me")
async def me(user: User = Depends(users.current_user())):
    return {"email": user.email}


@app.get("/")
async def page():
    return {"this is": "where the page would be"}
