"""The OpenAI SDK against Reelgate: only the base URL and the key differ.

Needs: pip install openai
"""

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("REELGATE_SERVER", "http://localhost:8000") + "/v1",
    api_key=os.environ.get("REELGATE_API_KEY", "none"),
)

video = client.videos.create_and_poll(
    model="sora-2", prompt="A cat eating hotdogs in a park", seconds="4", size="1280x720"
)
if video.status != "completed":
    sys.exit(f"{video.id} {video.status}: {video.error and video.error.message}")

path = sys.argv[1] if len(sys.argv) > 1 else f"{video.id}.mp4"
client.videos.download_content(video.id).write_to_file(path)
print(path)
