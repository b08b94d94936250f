"""The stand-ins for other vendors than imagine.art, one module each."""

from __future__ import annotations

from reelgate.sandbox.vendor import VendorRoutes
from reelgate.sandbox.vendors.ark import ArkRoutes
from reelgate.sandbox.vendors.fal import FalRoutes
from reelgate.sandbox.vendors.gemini import GeminiRoutes
from reelgate.sandbox.vendors.kling import KlingRoutes
from reelgate.sandbox.vendors.luma import LumaRoutes
from reelgate.sandbox.vendors.minimax import MiniMaxFirstRoutes, MiniMaxSecondRoutes
from reelgate.sandbox.vendors.openrouter import OpenRouterRoutes
from reelgate.sandbox.vendors.replicate import ReplicateRoutes
from reelgate.sandbox.vendors.runway import RunwayRoutes
from reelgate.sandbox.vendors.videos import VideosRoutes
from reelgate.sandbox.vendors.xai import XaiRoutes

VENDORS: tuple[type[VendorRoutes], ...] = (
    ArkRoutes,
    FalRoutes,
    GeminiRoutes,
    KlingRoutes,
    MiniMaxSecondRoutes,
    MiniMaxFirstRoutes,
    ReplicateRoutes,
    RunwayRoutes,
    VideosRoutes,
    OpenRouterRoutes,
    XaiRoutes,
    LumaRoutes,
)
