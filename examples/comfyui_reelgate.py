"""A ComfyUI node that makes a video with a Reelgate gateway and saves it.

Copy this file into ComfyUI's `custom_nodes` folder and start ComfyUI again; the node is called
"Reelgate: text to video". Its output is the path of the MP4, for any node that loads a video.
"""

import json
import os
import tempfile
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from pathlib import Path

SERVER = os.environ.get("REELGATE_SERVER", "http://localhost:8000")
API_KEY = os.environ.get("REELGATE_API_KEY", "")
WAIT_S = 240
TRIES = 20


class ReelgateTextToVideo:
    CATEGORY = "video/Reelgate"
    FUNCTION = "generate"
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("path",)
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802 - ComfyUI's name
        return {
            "required": {
                "prompt": ("STRING", {"multiline": True}),
                "seconds": ("INT", {"default": 5, "min": 1, "max": 60}),
            },
            "optional": {"model": ("STRING", {"default": ""})},
        }

    def generate(self, prompt, seconds, model=""):
        body = {"prompt": prompt, "seconds": seconds}
        if model:
            body["model"] = model
        # The same key finds the same video, however often an answer is lost.
        key = {"Idempotency-Key": f"comfyui-{uuid.uuid4()}"}
        for left in reversed(range(TRIES)):
            try:
                content = ask("/v1/videos/sync", body, key)
                break
            except urllib.error.HTTPError as error:
                # It is still being made, and the next request joins it.
                if error.code != HTTPStatus.GATEWAY_TIMEOUT or not left:
                    raise RuntimeError(json.load(error)["detail"]) from error
        path = Path(output_folder(), f"reelgate-{uuid.uuid4().hex}.mp4")
        path.write_bytes(content)
        return (str(path),)


def ask(path, body, headers):
    headers = {"Content-Type": "application/json", **headers}
    if API_KEY:
        headers["Authorization"] = f"Bearer {API_KEY}"
    request = urllib.request.Request(SERVER + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S * 2) as answer:
        return answer.read()


def output_folder():
    try:
        import folder_paths  # noqa: PLC0415 - ComfyUI's own
    except ImportError:
        return tempfile.gettempdir()
    return folder_paths.get_output_directory()


NODE_CLASS_MAPPINGS = {"ReelgateTextToVideo": ReelgateTextToVideo}
NODE_DISPLAY_NAME_MAPPINGS = {"ReelgateTextToVideo": "Reelgate: text to video"}
