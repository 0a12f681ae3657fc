// A sender's whole life by a client that @hey-api/openapi-ts has made of schemas/openapi.json: no cast, no `any`.
// Arguments: intake's address, what to do, and the code and secret where there is a feedback. Prints one JSON document.
import {
  lookUpFeedback,
  rateReply,
  readAttachment,
  submitFeedback,
  submitFeedbackWithFiles,
  supplementFeedbackWithFiles,
  type ProblemDocument,
  type Submission,
  type Supplement,
} from "./client";
import { client } from "./client/client.gen";

const [address, act, code = "", secret = ""] = process.argv.slice(2);
client.setConfig({ baseUrl: address });

const feedback: Submission = {
  category: "khac",
  title: "Đường hỏng",
  content: "Ổ gà trên đường",
  province: "gia-lai",
  sender: { name: "Nguyễn Văn Thử", address: "1 Hùng Vương", phone: "0900000000", email: "thu@example.org" },
};
const file = new File(["%PDF-1.4\n%%EOF\n"], "Đơn kiến nghị.pdf", { type: "application/pdf" });
const form = { feedback: JSON.stringify(feedback), attachments: [file, file] };
const own = { path: { code }, headers: { "X-Lookup-Secret": secret } };

function told(problem: ProblemDocument): string[] {
  return problem.errors.map((fault) => `${fault.field}: ${fault.code}`);
}

async function submit() {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const sent = await submitFeedbackWithFiles({ headers, body: form });
  const again = await submitFeedbackWithFiles({ headers, body: form });
  const alone = await submitFeedback({ body: { ...feedback, title: "Không có tệp" } });
  const refused = await submitFeedback({ body: { ...feedback, category: "", sender: {} } });
  if (sent.data === undefined || again.data === undefined || alone.data === undefined || refused.error === undefined) {
    throw new Error(JSON.stringify([sent.error, again.error, alone.error, refused.data]));
  }
  const { code, lookup_secret, feedback_id } = sent.data;
  const where = sent.response.headers.get("Location");
  return { code, lookup_secret, feedback_id, where, same: again.data.code === code, refused: told(refused.error) };
}

async function lookUp() {
  const { data } = await lookUpFeedback({ ...own, throwOnError: true });
  const names = (data.attachments ?? []).map((attachment) => attachment.name);
  const stranger = await lookUpFeedback({ path: { code } });
  const [first] = data.attachments ?? [];
  const bytes = await readAttachment({ ...own, path: { code, attachment_id: first?.id ?? "" }, throwOnError: true });
  const text = await bytes.data.text();
  return { state: data.state, steps: data.timeline.length, names, text, hidden: stranger.data?.title === undefined };
}

async function supplement() {
  const said: Supplement = { content: "Trước số 12" };
  const { data } = await supplementFeedbackWithFiles({
    ...own,
    body: { feedback: JSON.stringify(said), attachments: [file] },
    throwOnError: true,
  });
  return { state: data.state };
}

async function rate() {
  const { data } = await rateReply({ ...own, body: { satisfied: true }, throwOnError: true });
  return { satisfied: data.satisfied };
}

const acts: Record<string, () => Promise<object>> = { submit, lookUp, supplement, rate };

async function main() {
  console.log(JSON.stringify(await acts[act ?? ""]?.()));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
