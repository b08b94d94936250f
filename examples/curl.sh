#!/bin/sh
# One blocking request, then the finished video as a file: sh examples/curl.sh [FILE]
set -eu
server=${REELGATE_SERVER:-http://localhost:8000}
file=${1:-cat.mp4}

# The specification's own example.
answer=$(curl --fail-with-body --silent --show-error -X POST \
  "$server/v1/imagine-text-to-video/generations" \
  -H "Content-Type: application/json" \
  ${REELGATE_API_KEY:+-H "Authorization: Bearer $REELGATE_API_KEY"} \
  -d '{"prompt": "cat eating hotdogs in a park", "aspect_ratio": "16:9", "duration": 5,
       "resolution": "720p", "style_id": 60503, "is_enhance": true}')
echo "$answer"

# No jq needed: the address is the only thing in quotes that begins with http.
url=$(printf '%s' "$answer" | sed -n 's/.*"video_url": *"\([^"]*\)".*/\1/p')
curl --fail --silent --show-error --output "$file" "$url"
echo "saved as $file"
