"""Secrets that got into the wrong place, by typing errors above all, and the check that a text shows no part of one.

Shapes are those that scanners look for: the rules ``azure-ad-client-secret``, ``jwt`` and ``generic-api-key`` of
https://github.com/gitleaks/gitleaks, and the documented forms of SAS tokens and connection strings.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

SIGNATURE = "yqX8b%2BL2mQvT0n3cR7eW5uZ1oK9jH4gF6dS%2FpA2xVtE%3D"
KEY = "q7Zr9Tn2Lw4Xk8Vb1Mc6Yd3Hf5Jg0PsAa7We8Rt9Yu1Io+Pp3As4DmN6Bv2Cx9Zl5Kj8Hg1Fd4Sa7Qw0ErTy/Q=="
CLIENT_SECRET = "xY78Q~h3Kd9.Lm2Np4_Qr6Ts8Uv0Wx1Yz5Ab7Cd9"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiYXRjaC1haSJ9.kV3tQm8Zs1Xw5Yp9Lr2Nd7Hc4Jg6Fb0"
PASSWORD = "correct-horse-battery"
SAS = f"sv=2024-11-04&ss=b&srt=co&sp=rl&se=2027-01-01T00%3A00%3A00Z&spr=https&sig={SIGNATURE}"
HOST = "account.blob.core.windows.net"
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=account;AccountKey={KEY};EndpointSuffix=core.windows.net"
SECRETS = (SIGNATURE, KEY, CLIENT_SECRET, TOKEN, PASSWORD)
PART = 10
"""So many signs of a secret are a leak."""

MISTYPED_URLS = {
    "a proper URL": f"https://{HOST}/raw?{SAS}",
    "http": f"http://{HOST}/raw?{SAS}",
    "no scheme": f"{HOST}/raw?{SAS}",
    "no host": f"https:///raw?{SAS}",
    "no container": f"https://{HOST}?{SAS}",
    "one slash": f"https:/{HOST}/raw?{SAS}",
    "three slashes": f"https:///{HOST}/raw?{SAS}",
    "a semicolon": f"https;//{HOST}/raw?{SAS}",
    "no colon": f"https//{HOST}/raw?{SAS}",
    "a letter is missing": f"ttps://{HOST}/raw?{SAS}",
    "a letter too many": f"hhttps://{HOST}/raw?{SAS}",
    "a typo in the scheme": f"htpps://{HOST}/raw?{SAS}",
    "upper case": f"HTTPS://{HOST.upper()}/RAW?{SAS.upper()}",
    "backslashes": f"https:\\\\{HOST}\\raw?{SAS}",
    "another scheme": f"wasbs://raw@{HOST}/?{SAS}",
    "no question mark": f"https://{HOST}/raw{SAS}",
    "an ampersand for the question mark": f"https://{HOST}/raw&{SAS}",
    "an encoded question mark": f"https://{HOST}/raw%3F{SAS}",
    "a wide question mark": f"https://{HOST}/raw？{SAS}",
    "a fragment": f"https://{HOST}/raw#{SAS}",
    "a slash before the token": f"https://{HOST}/raw/{SAS}",
    "all encoded": quote(f"https://{HOST}/raw?{SAS}", safe=""),
    "the token alone": SAS,
    "the token with its question mark": f"?{SAS}",
    "the signature alone": f"sig={SIGNATURE}",
    "a bare signature": unquote(SIGNATURE),
    "blanks around the signature": f"https://{HOST}/raw ?{SAS.replace('sig=', 'sig = ')}",
    "a connection string": CONNECTION,
    "a connection string with a SAS": f"BlobEndpoint=https://{HOST};SharedAccessSignature={SAS}",
    "a key": KEY,
    "a password": f"https://user:{PASSWORD}@{HOST}/raw",
    "a password after one slash": f"https:/user:{PASSWORD}@{HOST}/raw",
    "a password after a semicolon": f"https;//user:{PASSWORD}@{HOST}/raw",
    "a password without a scheme": f"user:{PASSWORD}@plant/raw",
    "a key as a folder": f"https://{HOST}/raw/{KEY}",
    "a password with signs": f"https://user:{PASSWORD}@/{PASSWORD}#{PASSWORD}@{HOST}/raw",
    "quotes": f'"https://{HOST}/raw?{SAS}"',
    "angle brackets": f"<https://{HOST}/raw?{SAS}>",
    "two lines": f"https://{HOST}/raw\n?{SAS}",
    "a port that is none": f"https://{HOST}:port/raw?{SAS}",
    "a token and a macro": f"https://{HOST}/raw?{SAS}$(MORE)",
    "a name with the variable": f"BATCHAI_INPUT_URL=https://{HOST}/raw?{SAS}",
}
"""What somebody gives for the URL of a container: one that is right, and what becomes of it."""


def parts_of_secrets(text: str) -> list[str]:
    forms = {form for secret in SECRETS for form in (secret, unquote(secret), quote(secret, safe=""))}
    parts = {form[start : start + PART] for form in forms for start in range(len(form) - PART + 1)}
    folded = text.lower()
    return sorted(part for part in parts if part.lower() in folded)
