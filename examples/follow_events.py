"""Ask for a video and follow it as it is made, without polling (Server-Sent Events).

Needs: pip install requests
"""

import json
import os

import requests

SERVER = os.environ.get("REELGATE_SERVER", "http://localhost:8000")
API_KEY = os.environ.get("REELGATE_API_KEY")

session = requests.Session()
if API_KEY:
    session.headers["Authorization"] = f"Bearer {API_KEY}"

order = {"prompt": "A cat eating hotdogs in a park", "duration": 5, "resolution": "720p"}
created = session.post(f"{SERVER}/v1/videos", json=order, timeout=30)
created.raise_for_status()
video = created.json()

url = f"{SERVER}/v1/videos/{video['id']}/events"
# The stream is silent for 15 s at most, and ends once the video is over.
with session.get(url, stream=True, timeout=60) as stream:
    stream.raise_for_status()
    for line in stream.iter_lines(decode_unicode=True):
        if line.startswith("data: "):
            video = json.loads(line.removeprefix("data: "))
            print(f"{video['status']} {video['progress']} %")

if video["status"] == "failed":
    raise SystemExit(video["error"]["message"])
print(video["reelgate"]["video_url"])
