"""WeChat Pay v3 and Alipay on this machine: both gateways, the buyers' phones and the ledger that judges the kiosk.

``python -m kiosk.simulators.gateways --port PORT --control PORT --home DIR`` prints one line
``ready {"port": …, "control": …, "merchant": "DIR/merchant"}``. On its first start it makes the keys of both platforms
and of one merchant; ``DIR/merchant`` then holds what the kiosk needs (``wechat.json``, ``alipay.json`` and their key
files).

The gateways listen on ``--port``: WeChat under ``/v3/…``, Alipay under ``/gateway.do``, the phone under
``/phone?code=<text of the QR code>``. Everything a test or the bench does goes through the control port; the verbs are
listed in :mod:`kiosk.simulators.gateways.verbs`.
"""
