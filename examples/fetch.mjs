// Ask for a video and print where it plays, with Node's own fetch: node examples/fetch.mjs
// Needs Node 18 or newer, and no package.

const server = process.env.REELGATE_SERVER ?? "http://localhost:8000";
const key = process.env.REELGATE_API_KEY;

async function ask(order) {
  const response = await fetch(`${server}/v1/imagine-text-to-video/generations`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      // Node's fetch gives up after 300 s without an answer: have one before that.
      Prefer: "wait=240",
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(order),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(`${response.status}: ${answer.detail}`);
  }
  return answer;
}

async function generate(prompt, { duration = 5, resolution = "720p" } = {}) {
  let answer = await ask({ prompt, duration, resolution });
  // Asking again joins the job that is under way: it costs nothing.
  while (answer.status === "PROCESSING") {
    answer = await ask({ prompt, duration, resolution });
  }
  return answer.video_url;
}

console.log(await generate("A cat eating hotdogs in a park"));
