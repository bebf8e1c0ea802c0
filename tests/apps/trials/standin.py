"""A stand-in for WooCommerce, which is on no package registry. It is no shop: it answers as WooCommerce's documentation of
the Store API and the source of its form handlers (class-wc-form-handler.php, class-wc-checkout.php) say, as far as
conf/examples/woocommerce.yaml reads answers: statuses, cookies, redirects, and the members of JSON that tell a success.
Nothing in it knows of Tollgate. `uvicorn standin:app` serves.
"""

import re
import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route

NONCE = "f00dfeed00"
LOGGED_IN = "wordpress_logged_in_0123456789abcdef"
customers = {"anna@example.com": "anna-has-a-Long-password"}
reset_keys = {}
# The stand-in's payment methods: what a provider would say.
PAYMENTS = {"cod": "success", "declined": "declined", "unsure": "failure", "bank": "pending"}


def page(title, error=""):
    notice = f'<ul class="woocommerce-error" role="alert"><li>{error}</li></ul>' if error else ""
    return HTMLResponse(f'<!doctype html><title>{title}</title>{notice}<input type="hidden" id="woocommerce-login-nonce" '
                        f'name="woocommerce-login-nonce" value="{NONCE}">')


def redirect(address, customer=None):
    answer = RedirectResponse(address, 302)
    if customer:
        answer.set_cookie(LOGGED_IN, f"{customer}|{secrets.token_hex(8)}", httponly=True)
    return answer


def tidied(value):
    """As sanitize_text_field does: no tags, no escapes, no space around."""
    return re.sub(r"%[a-fA-F0-9]{2}", "", re.sub(r"<[^>]*>", "", value)).strip()


async def api(request):
    """The Store API's checkout, and paying for an order that exists."""
    if request.headers.get("nonce") != NONCE:
        return JSONResponse({"code": "woocommerce_rest_missing_nonce", "message": "Missing the Nonce header. This endpoint "
                             "requires a valid nonce.", "data": {"status": 401}}, 401)
    if "json" in request.headers.get("content-type", ""):
        sent = await request.json()
        email, method = sent.get("billing_address", {}).get("email"), sent.get("payment_method")
    else:
        sent = await request.form()
        email, method = sent.get("billing_address[email]"), sent.get("payment_method")
    if not email:
        return JSONResponse({"code": "rest_invalid_param", "message": "Invalid parameter(s): billing_address",
                             "data": {"status": 400}}, 400)
    became = PAYMENTS.get(method, "success")
    if became == "declined":
        return JSONResponse({"code": "woocommerce_rest_checkout_process_payment_error", "message": "Your card was declined.",
                             "data": {"status": 400}}, 400)
    return JSONResponse({"order_id": 146, "status": "processing" if became == "success" else "pending",
                         "order_key": "wc_order_VPffqyvgWVqWL", "payment_method": method,
                         "payment_result": {"payment_status": became, "payment_details": [],
                                            "redirect_url": "/checkout/order-received/146/?key=wc_order_VPffqyvgWVqWL"}})


async def batch(request):
    sent = await request.json()
    return JSONResponse({"responses": [{"body": {}, "status": 200, "headers": {}} for _ in sent["requests"]]}, 207)


def classic(form):
    became = PAYMENTS.get(form.get("payment_method"), "success")
    if form.get("woocommerce-process-checkout-nonce") != NONCE or became in ("declined", "failure"):
        return JSONResponse({"result": "failure", "messages": '<ul class="woocommerce-error"><li>Declined.</li></ul>',
                             "refresh": False, "reload": False})
    return JSONResponse({"result": "success", "redirect": "/checkout/order-received/146/?key=wc_order_VPffqyvgWVqWL"})


async def anywhere(request: Request):
    """What WooCommerce does at whatever address (wp_loaded), then the page of that address."""
    action = tidied(request.query_params.get("wc-ajax", ""))
    form = await request.form() if request.method == "POST" else {}
    if action == "checkout":
        return classic(form)
    if action:
        return JSONResponse({"fragments": {}, "cart_hash": ""})
    if "woocommerce_checkout_place_order" in form or "woocommerce_pay" in form:
        if PAYMENTS.get(form.get("payment_method"), "success") == "success":
            return redirect("/checkout/order-received/146/?key=wc_order_VPffqyvgWVqWL")
        return page("Checkout", "Declined.")
    if all(name in form for name in ("login", "username", "password")) and form.get("woocommerce-login-nonce") == NONCE:
        if customers.get(form["username"]) == form["password"]:
            return redirect("/my-account/", form["username"])
        return page("My account", "The password you entered is incorrect.")
    if "register" in form and "email" in form and form.get("woocommerce-register-nonce") == NONCE:
        if form["email"] in customers:
            return page("My account", "An account is already registered with your email address.")
        customers[form["email"]] = form.get("password", "")
        return redirect("/my-account/", form["email"])
    if "wc_reset_password" in form and "user_login" in form:
        if form["user_login"] not in customers:
            return page("Lost password", "Invalid username or email.")
        reset_keys["key-1"] = form["user_login"]
        return redirect("/my-account/lost-password/?reset-link-sent=true")
    if "wc_reset_password" in form and "reset_key" in form:
        if form["password_1"] != form["password_2"] or reset_keys.get(form["reset_key"]) != form.get("reset_login"):
            return page("Lost password", "Passwords do not match.")
        customers[form["reset_login"]] = form["password_1"]
        del reset_keys[form["reset_key"]]
        return redirect("/my-account/?password-reset=true")
    return page("Shop")


BOTH = ["GET", "POST"]
app = Starlette(routes=[
    Route("/wp-json/wc/store/v1/checkout", api, methods=["POST"]),
    Route("/wp-json/wc/store/checkout", api, methods=["POST"]),
    Route("/wp-json/wc/store/v1/checkout/{order:int}", api, methods=["POST"]),
    Route("/wp-json/wc/store/v1/batch", batch, methods=["POST"]),
    Route("/{path:path}", anywhere, methods=BOTH),
])
