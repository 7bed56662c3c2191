"""Start both gateways, the phones and the control port."""

from __future__ import annotations

import threading

from kiosk.simulators.control import Control, arguments, serve
from kiosk.simulators.gateways.alipay import Alipay
from kiosk.simulators.gateways.faults import Faults
from kiosk.simulators.gateways.keys import open_home
from kiosk.simulators.gateways.ledger import Ledger
from kiosk.simulators.gateways.notify import Notifier
from kiosk.simulators.gateways.phone import Phone
from kiosk.simulators.gateways.server import GatewayServer
from kiosk.simulators.gateways.verbs import Verbs
from kiosk.simulators.gateways.wechat import Wechat


def main() -> None:
    """Run until SIGTERM."""
    parser = arguments("WeChat Pay and Alipay, simulated")
    parser.add_argument("--port", type=int, default=0, help="port of the gateways, 0 for a free one")
    parser.add_argument("--early-bills", action="store_true", help="also give out the running day's bill")
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    ledger, faults = Ledger(options.home / "ledger.sqlite3"), Faults()
    server = GatewayServer(options.port, ledger, faults)
    home = open_home(options.home, server.port)
    wechat = Wechat(home, ledger, options.early_bills)
    alipay = Alipay(home, ledger, options.early_bills)
    notifier = Notifier(home, ledger, wechat, faults)
    notifier.register("alipay", lambda trade: alipay.notification(trade, faults.take("alipay.notify")))
    phone = Phone(ledger, notifier.later)
    server.wechat, server.alipay, server.phone = wechat, alipay, phone
    verbs = Verbs(ledger, server, phone, notifier, faults)
    control = Control(verbs.state, verbs.all(), options.control)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        serve(control, {"port": server.port, "merchant": str(home.merchant.resolve())})
    finally:
        server.shutdown()
        server.server_close()
        ledger.close()


main()
