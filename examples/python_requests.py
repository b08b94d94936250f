"""Ask for a video and print where it plays: one blocking request, no polling.

Needs: pip install requests
"""

import os

import requests

SERVER = os.environ.get("REELGATE_SERVER", "http://localhost:8000")
API_KEY = os.environ.get("REELGATE_API_KEY")


def generate(prompt: str, duration: int = 5, resolution: str = "720p") -> str:
    response = requests.post(
        f"{SERVER}/v1/imagine-text-to-video/generations",
        json={"prompt": prompt, "duration": duration, "resolution": resolution},
        headers={"Authorization": f"Bearer {API_KEY}"} if API_KEY else {},
        # Longer than the gateway's own limit of 300 s. Whoever gives up sooner just asks again:
        # the same request joins the job that is under way, and nothing is paid twice.
        timeout=330,
    )
    if not response.ok:
        raise SystemExit(f"{response.status_code}: {response.json()['detail']}")
    return str(response.json()["video_url"])


if __name__ == "__main__":
    print(generate("A cat eating hotdogs in a park"))
