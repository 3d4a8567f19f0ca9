"""Signing in with Google's own libraries: code flow with PKCE, refresh, identity, revocation."""

import os
from urllib.parse import parse_qs, urlsplit

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"

import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import id_token, service_account
from google_auth_oauthlib.flow import Flow

from harness import BASE, operation

REDIRECT = "http://127.0.0.1:8099/callback"
SCOPES = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar",
]


def flow(about, scopes):
    client = {
        "client_id": about["client_id"],
        "client_secret": about["client_secret"],
        "auth_uri": about["authorize"],
        "token_uri": f"{BASE}/oauth2.googleapis.com/token",
        "redirect_uris": [REDIRECT],
    }
    return Flow.from_client_config({"web": client}, scopes=scopes, redirect_uri=REDIRECT)


def consent(url, form):
    answer = requests.post(url, data=form, allow_redirects=False)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def sign_in(email):
    """The whole flow for one account; gives its credentials."""
    about = requests.get(f"{BASE}/sandbox").json()
    one = flow(about, SCOPES)
    url, state = one.authorization_url(access_type="offline", prompt="consent", login_hint=email)
    operation("oauth.consent_page", lambda: requests.get(url).text, lambda page: email in page)
    operation("oauth.cancel", lambda: consent(url, {"decision": "cancel"}), lambda back: back["error"] == "access_denied")
    back = operation(
        "oauth.consent", lambda: consent(url, {"user": email, "decision": "allow"}), lambda back: back["state"] == state
    )
    operation("oauth.exchange", lambda: one.fetch_token(code=back["code"]), lambda token: "refresh_token" in token)
    credentials = one.credentials
    operation("oauth.exchange_twice", lambda: reused(about, one, back["code"]), lambda error: error == "invalid_grant")
    claims = operation(
        "oauth.verify_id_token",
        lambda: id_token.verify_token(
            credentials.id_token, Request(), about["client_id"], f"{BASE}/www.googleapis.com/oauth2/v3/certs"
        ),
        lambda claims: claims["email"] == email and claims["email_verified"],
    )
    first = credentials.token
    operation("oauth.refresh", lambda: credentials.refresh(Request()), lambda _: credentials.token != first)
    info = f"{BASE}/oauth2.googleapis.com/tokeninfo"
    operation(
        "oauth.tokeninfo",
        lambda: requests.get(info, params={"access_token": credentials.token}).json(),
        lambda got: got["email"] == email and got["sub"] == claims["sub"],
    )
    userinfo = f"{BASE}/openidconnect.googleapis.com/v1/userinfo"
    operation(
        "oauth.userinfo",
        lambda: requests.get(userinfo, headers={"Authorization": f"Bearer {credentials.token}"}).json(),
        lambda got: got["email"] == email and got["name"],
    )
    operation(
        "oauth.openid_configuration",
        lambda: requests.get(f"{BASE}/accounts.google.com/.well-known/openid-configuration").json(),
        lambda got: got["issuer"] == "https://accounts.google.com",
    )
    return credentials


def granular(email):
    """A person who unticks a scope."""
    about = requests.get(f"{BASE}/sandbox").json()
    one = flow(about, SCOPES)
    url, _ = one.authorization_url(access_type="online")
    form = {"user": email, "decision": "allow", "ticked": "1", "scope": SCOPES[5]}
    back = consent(url, form)
    token = operation(
        "oauth.granular_consent", lambda: one.fetch_token(code=back["code"]), lambda token: SCOPES[3] not in token["scope"]
    )
    return token


def delegated(email):
    """The demo service account acting for a user."""
    key = requests.get(f"{BASE}/sandbox/service-account").json()
    credentials = service_account.Credentials.from_service_account_info(key, scopes=SCOPES[3:], subject=email)
    operation("oauth.service_account", lambda: credentials.refresh(Request()), lambda _: credentials.token)
    return credentials


def revoke(credentials):
    """Takes the grant back; afterwards nothing refreshes."""
    url = f"{BASE}/oauth2.googleapis.com/revoke"
    operation(
        "oauth.revoke",
        lambda: requests.post(url, params={"token": credentials.refresh_token}),
        lambda answer: answer.status_code == 200,
    )

    def refresh():
        try:
            credentials.refresh(Request())
        except RefreshError as error:
            return str(error)
        return ""

    operation("oauth.refresh_revoked", refresh, lambda text: "invalid_grant" in text)


def reused(about, one, code):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": about["client_id"],
        "client_secret": about["client_secret"],
        "redirect_uri": REDIRECT,
        "code_verifier": one.code_verifier,
    }
    return requests.post(f"{BASE}/oauth2.googleapis.com/token", data=form).json().get("error")
