"""What a request without an API key may do: a gateway without keys trusts its machine, not the web.

A browser on this machine reaches a loopback gateway on behalf of any page that it shows. Three
things tell such a request from a program's own:

- `Origin` and `Sec-Fetch-Site`, which browsers set and pages cannot forge. A form needs no
  preflight, so that CORS alone keeps nobody from making a video.
- `Host`, which names another site where that site's name was made to lead here (DNS rebinding).
- `Forwarded`, `X-Forwarded-*` and the like: a proxy on this machine brings callers from elsewhere.

The order of the checks of `Origin` and `Sec-Fetch-Site` follows Go's `CrossOriginProtection`
(https://pkg.go.dev/net/http#CrossOriginProtection).
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from reelgate.errors import CameThroughProxy, ForeignOrigin, UnknownHost
from reelgate.net.hosts import names_loopback, normal_name, normal_origin, origin_of, split_host
from reelgate.settings import Settings, split

READING = frozenset({"GET", "HEAD", "OPTIONS"})
TRUSTED_SITES = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of a page's own server, and of what a person typed."""
NULL = "null"
"""The origin of a page that has none: a file, a sandboxed frame. Any site can make one."""
ANY = "*"
FORWARDED = frozenset(
    {
        b"cf-connecting-ip",
        b"client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-real-ip",
    }
)
FORWARDED_PREFIX = b"x-forwarded-"
MAX_SHOWN_CHARS = 100
KEY_ADVICE = "or make an API key with `reelgate keys create NAME`"


@dataclass(frozen=True, slots=True)
class OriginHeaders:
    """The headers that tell where a request comes from."""

    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    site: str | None
    """`Sec-Fetch-Site`."""
    proxy: str | None
    """A header that only proxies add."""


@dataclass(frozen=True, slots=True)
class KeylessRules:
    """Which requests are served without an API key."""

    hosts: frozenset[str]
    """Names by which the gateway may be called, beside loopback's own."""
    any_host: bool
    origins: frozenset[str]
    """Origins whose pages may do everything, as browsers write them."""
    own_origin: str
    """The origin of the public address; empty where none is set."""
    open_to_all: bool
    """The operator lets everybody in: callers behind proxies, too."""

    @classmethod
    def of(cls, settings: Settings) -> KeylessRules:
        """The rules that the settings ask for."""
        named = split(settings.allowed_hosts)
        own = origin_of(settings.public_url) if settings.public_url else ""
        public = split_host(own.partition("://")[2])
        return cls(
            hosts=frozenset(
                [
                    normal_name(settings.host),
                    *([public[0]] if public else []),
                    *(found[0] for found in map(split_host, named) if found),
                ]
            ),
            any_host=ANY in named or (settings.allow_open and not named),
            origins=frozenset(settings.origins) - {ANY, NULL},
            own_origin=own,
            open_to_all=settings.allow_open,
        )

    def check(self, scope: Scope) -> None:
        """Refuse a request that does not come from a program of this machine.

        Raises:
            CameThroughProxy: it may come from another machine.
            UnknownHost: it was meant for another host.
            ForeignOrigin: it would change something, and a page of another origin sent it.
        """
        sent = origin_headers(scope)
        if not self.open_to_all and sent.proxy is not None:
            raise CameThroughProxy(proxy_message(sent.proxy))
        self._check_host(scope, sent)
        if scope["method"] not in READING:
            self._check_origin(scope, sent, "make or change videos")

    def check_listing(self, scope: Scope) -> None:
        """Refuse to show a page of another origin every video and prompt.

        It may read one whose id it knows, as CORS allows: ids cannot be guessed.

        Raises:
            ForeignOrigin: a script of such a page asks.
        """
        sent = origin_headers(scope)
        # Without `Origin` no script can read the answer, whatever else the browser says.
        if sent.origins:
            self._check_origin(scope, sent, "list videos")

    def check_own_page(self, scope: Scope) -> None:
        """Refuse what a page of another origin would change with a session's cookie.

        `SameSite=Strict` keeps other sites from sending it, but not another port of this host.

        Raises:
            ForeignOrigin: such a page asks.
        """
        self._check_origin(scope, origin_headers(scope), "use a session")

    def _check_host(self, scope: Scope, sent: OriginHeaders) -> None:
        if self.any_host:
            return
        hosts = sent.hosts
        if not hosts and scope["http_version"] == "1.0":
            return  # Older than the header; no browser sends it.
        found = split_host(hosts[0]) if len(hosts) == 1 else None
        if found is None or not self._is_own(scope, found[0]):
            shown = shortened(", ".join(hosts))
            message = (
                f"without an API key this gateway may not be called by the host name {shown!r}: "
                f"name it in REELGATE_ALLOWED_HOSTS, {KEY_ADVICE}"
            )
            raise UnknownHost(message)

    def _is_own(self, scope: Scope, name: str) -> bool:
        if names_loopback(name) or name in self.hosts:
            return True
        server = scope.get("server")
        return server is not None and name == normal_name(server[0])

    def _check_origin(self, scope: Scope, sent: OriginHeaders, what: str) -> None:
        page = self._foreign_page(scope, sent)
        if page is None:
            return
        if not page or page == NULL:
            named = "and its page has none to name: serve it over http and name that"
        else:
            named = f"name it: REELGATE_CORS_ORIGINS=*,{page}"
        message = (
            f"a page of another origin ({page or 'not told'}) may not {what} here without an API "
            f"key; {named}, {KEY_ADVICE}"
        )
        raise ForeignOrigin(message)

    def _foreign_page(self, scope: Scope, sent: OriginHeaders) -> str | None:
        """The origin of a page that is neither ours nor named; empty where it is not told.

        None for programs, our own pages and those of named origins.
        """
        if not sent.origins and (sent.site is None or sent.site in TRUSTED_SITES):
            return None
        origins = [shortened(normal_origin(each)) for each in sent.origins]
        if origins and self.origins.issuperset(origins):
            return None
        if sent.site is not None and sent.site not in TRUSTED_SITES:
            return origins[0] if origins else ""
        ours = self._own_origins(scope, sent)
        foreign = [origin for origin in origins if origin not in ours]
        # A proxy that the operator allows may have changed the Host that Origin is compared with.
        if not foreign or (self.open_to_all and sent.site == "same-origin"):
            return None
        return foreign[0]

    def _own_origins(self, scope: Scope, sent: OriginHeaders) -> set[str]:
        """How our own pages call their origin: as the request calls this host."""
        host = sent.hosts[0] if sent.hosts else ""
        # Where proxies are allowed, one of them may speak TLS for us.
        schemes = {"http", "https"} if self.open_to_all else {scope["scheme"]}
        public = {self.own_origin} if self.own_origin else set()
        return public | {normal_origin(f"{scheme}://{host}") for scheme in schemes}


def origin_headers(scope: Scope) -> OriginHeaders:
    """Read in one pass: this runs for every request."""
    hosts: list[str] = []
    origins: list[str] = []
    site = proxy = None
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value.decode("latin-1"))
        elif name == b"origin":
            origins.append(value.decode("latin-1"))
        elif name == b"sec-fetch-site":
            site = value.decode("latin-1")
        elif name in FORWARDED or name.startswith(FORWARDED_PREFIX):
            proxy = name.decode("latin-1")
    return OriginHeaders(tuple(hosts), tuple(origins), site, proxy)


def proxy_message(header: str) -> str:
    """Why a request is refused that names whom it was forwarded for."""
    return (
        f"the request came through a proxy ({shortened(header)}), so that it may come from "
        f"anywhere: set REELGATE_ALLOW_OPEN=true if everybody who reaches the proxy may spend your "
        f"credits, {KEY_ADVICE}"
    )


def shortened(text: str) -> str:
    """As much of what a caller sent as an error repeats."""
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
