"""The door for clients of Open311 GeoReport v2: each handler reads a request, calls one function of the service, and answers.

The extension of the address (`.json` or `.xml`) is the format of the answer, errors included. A list shows what anybody may see of
a case by its code, and never more.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from litestar import Response
from litestar.params import FromPath
from litestar.plugins.problem_details import ProblemDetailsException
from pydantic import BaseModel

from pakn import links
from pakn.engine import problems
from pakn.engine.problems import AnyRequest, Problem
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from pakn.packs.open311 import Open311
from services.intake import domain, shown
from services.intake.domain import Arrival
from services.intake.doors import languages, openapi, submissions
from services.intake.doors.lists import FRESH_SECONDS
from services.intake.doors.open311 import answers, formats, queries, services, submission
from services.intake.doors.open311.answers import Discovery, Endpoint, Error, PostedRequest, RequestOfToken
from services.intake.doors.open311.forms import PostedForm
from services.intake.doors.openapi import Key
from services.intake.doors.submissions import SentId
from services.intake.doors.tokens import Bearer, Tokens, portal_of
from services.intake.doors.uploads import Uploads
from services.intake.listing import Listing, PublicCase
from services.intake.reception import Failed, Reception, Refused

BASE = "/open311/v2"
SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
# By the standard: 404 for what there is not, 403 for the key, and 400 for all else that is wrong. Others say when to come back.
_STATUSES = {401: 403, 404: 404, 403: 403, 405: 405, 408: 408, 413: 413, 429: 429, 500: 500, 503: 503}


@dataclass(frozen=True)
class GeoReport:
    """Everything that the routes need. `suspect` hears of errors that may mean that a server is away; `told` says what is told of
    a problem to whoever asked (`RateLimits.told`).
    """

    pack: Pack
    about: Open311
    listing: Listing
    reception: Reception
    uploads: Uploads
    time: LegalTime
    tokens: Tokens
    public_url: str
    new_id: Callable[[], str]
    suspect: Callable[[Exception], None]
    told: Callable[[AnyRequest, ProblemDetailsException], ProblemDetailsException]

    async def discovery(self, request: AnyRequest) -> Response[bytes]:
        """Where the interface is, and whom to ask."""
        language = self._language(request)
        changed = f"{self.about.changed.isoformat()}T00:00:00Z"
        url = self.public_url.rstrip("/") + BASE
        endpoint = Endpoint(specification=SPECIFICATION, url=url, changeset=changed, formats=list(formats.MEDIA_TYPES.values()))
        found = Discovery(
            changeset=changed,
            contact=self.about.contact[language],
            key_service=self.about.key_service[language],
            endpoints=[endpoint],
        )
        return self._answer(request, "discovery", found, fresh=True)

    async def services(self, request: AnyRequest) -> Response[bytes]:
        """The categories that are accepted."""
        self._check_jurisdiction(request.query_params)
        return self._answer(request, "services", self._services[self._language(request)], fresh=True)

    async def service(self, request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """The attributes of one category; `name` ends with the format."""
        self._check_jurisdiction(request.query_params)
        category = domain.find_category(self.pack, _without_form(name))
        if category is None or not category.accepted:
            raise Problem(404, "unknown-service", "service_code: there is no such service; GET services lists them.")
        found = services.definition(self.pack, category, self._language(request))
        return self._answer(request, "service_definition", found, fresh=True)

    async def requests(self, request: AnyRequest) -> Response[bytes]:
        """Public cases: those with the given ids, or a page of those that were submitted or changed in some days."""
        # A list may stand in one argument, with commas, or in several.
        asked = {name: ",".join(request.query_params.getall(name)) for name in request.query_params}
        self._check_jurisdiction(asked)
        if ids := queries.many(asked.get("service_request_id")):
            if len(ids) > queries.MOST_CODES:
                raise Problem(400, "invalid-question", f"service_request_id: has more than {queries.MOST_CODES} ids")
            codes = [links.read_code(id, self.pack.header.code_prefix) for id in ids]
            return self._cases(request, await self.listing.with_codes(codes))
        try:
            wanted = queries.wanted(self.pack, asked, self.time.now())
        except queries.Wrong as wrong:
            status, kind = (404, "unknown-service") if wrong.is_unknown else (400, "invalid-question")
            raise Problem(status, kind, "Correct the question.", wrong.faults) from None
        found = await self.listing.page(replace(wanted, limit=wanted.limit + 1))
        more = {}
        if len(found) > wanted.limit:
            page = {"page": str(wanted.skip // wanted.limit + 2), "page_size": str(wanted.limit)}
            more["Link"] = f'<{self.public_url.rstrip("/")}{request.url.path}?{urlencode(asked | page)}>; rel="next"'
        return self._cases(request, found[: wanted.limit], more)

    async def request(self, request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """One case; `name` is its code with the format."""
        self._check_jurisdiction(request.query_params)
        found = await self.listing.one(links.read_code(_without_form(name), self.pack.header.code_prefix))
        if found is None:
            raise Problem(404, "unknown-code", "service_request_id: no request has this id.")
        return self._cases(request, [found])

    async def token(self, request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """The id of a request from a token: that is the `feedback_id` which other doors answer with."""
        self._check_jurisdiction(request.query_params)
        token = _without_form(name)
        code = await self.listing.code_of(token)
        if code is None:
            raise Problem(404, "unknown-code", "token: no request has this token.")
        return self._answer(request, "service_requests", [RequestOfToken(service_request_id=code, token=token)])

    async def submit(self, request: AnyRequest, key: Key = None) -> Response[bytes]:
        """Register a submission by the standard's form, with files as `media`; with `api_key` as the portal that it belongs to."""
        sent = SentId.of(key, self.new_id)
        bearers: list[Bearer] = []

        def identify(api_key: str | None) -> str:
            nonlocal sent
            if api_key:
                bearers.append(self.tokens.read(f"Bearer {api_key}", "portal", "send"))
                sent = sent._replace(portal=portal_of(self.pack, bearers[0]))
            return domain.feedback_id(sent.cause)

        form, language = PostedForm(identify), self._language(request)
        async with self.uploads.receiving(request, domain.feedback_id(sent.own), read=form.read) as upload:
            self._check_jurisdiction(form.values)
            if bearers:
                await self.tokens.check(bearers[0])
            document, faults = submission.submission(self.pack, form.values, form.attributes, language)
            arrival = Arrival(
                document,
                channel="portal" if sent.portal else "api",
                cause=sent.cause,
                submission_id=sent.submission,
                portal=sent.portal,
                id_field=openapi.KEY_HEADER,
                received_at=self.time.now(),
                files=upload.body.files,
                network=upload.party,
                faults=[*upload.body.faults, *faults],
            )
            answer = await submissions.register(self.reception, upload, arrival)
        match answer:
            case Refused(faults=refused):
                unknown = {fault.code for fault in refused} == {"unknown_category"}
                raise Problem(404 if unknown else 422, "invalid-submission", "Correct it.", [*submission.renamed(refused)])
            case Failed(error):
                raise error
        feedback = answer.feedback
        # The same for the same submission again, though an officer has refused it since.
        why = shown.why_not_taken(feedback)
        notice = " ".join(filter(None, (getattr(feedback, name) for name in sorted(why)))) or None
        posted = PostedRequest(service_request_id=feedback.code, service_notice=notice)
        return self._answer(request, "service_requests", [posted], status=200 if answer.repeated else 201)

    async def nothing(self) -> None:
        """An address of no other handler: a client that leaves out the format reads what to do."""
        raise Problem(404, "unknown-format", "There is nothing at this address; those of Open311 end in .json or .xml.")

    def refuse(self, request: AnyRequest, error: Exception) -> Response[bytes]:
        """An error in the standard's form: a list of what is wrong, in the format that was asked for."""
        problem = self.told(request, problems.problem_of(error, self.suspect))
        status = _STATUSES.get(problem.status_code, 400)
        said = _faults(problem) or [str(problem.detail)]
        return self._answer(
            request, "errors", [Error(code=status, description=row) for row in said], dict(problem.headers or {}), status=status
        )

    @cached_property
    def _services(self) -> Mapping[str, list[answers.Service]]:
        return {language: services.services(self.pack, language) for language in self.pack.header.languages}

    def _cases(self, request: AnyRequest, cases: list[PublicCase], headers: Mapping[str, str] | None = None) -> Response[bytes]:
        language = self._language(request)
        extended = str(request.query_params.get("extensions", "")).lower() in ("true", "1", "v1")
        rows = [answers.request(self.pack, case, language, extended=extended) for case in cases]
        return self._answer(request, "service_requests", rows, headers)

    def _answer(
        self,
        request: AnyRequest,
        root: str,
        found: BaseModel | list[Any],
        headers: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        fresh: bool = False,
    ) -> Response[bytes]:
        """The answer as JSON or XML; what is `fresh` is the pack's, and may be kept for a while."""
        form = "xml" if request.url.path.endswith(".xml") else "json"
        content = [answers.as_content(row) for row in found] if isinstance(found, list) else answers.as_content(found)
        sent = {"Content-Type": f"{formats.MEDIA_TYPES[form]}; charset=utf-8", "Vary": "Accept-Language", **(headers or {})}
        sent |= {"Content-Language": self._language(request), "X-Content-Type-Options": "nosniff"}
        sent |= {"Cache-Control": f"public, max-age={FRESH_SECONDS}"} if fresh else {}
        return Response(formats.write(form, root, content), status_code=status, headers=sent)

    def _language(self, request: AnyRequest) -> str:
        header = self.pack.header
        return languages.asked_for(request.headers.get("Accept-Language", ""), header.languages, header.default_language)

    def _check_jurisdiction(self, values: Mapping[str, Any]) -> None:
        asked = str(values.get("jurisdiction_id") or "")
        if asked and self.about.jurisdiction_id and asked != self.about.jurisdiction_id:
            detail = f"jurisdiction_id: this is {self.about.jurisdiction_id}, and no other is served here."
            raise Problem(404, "unknown-jurisdiction", detail)


def _without_form(name: str) -> str:
    """The last part of an address without its format. Raises Problem for another format."""
    code, _, form = name.rpartition(".")
    if form not in formats.MEDIA_TYPES or not code:
        raise Problem(404, "unknown-format", "The address must end in .json or .xml.")
    return code


def _faults(problem: ProblemDetailsException) -> list[str]:
    extra = problem.extra if isinstance(problem.extra, dict) else {}
    rows = json.loads(json.dumps(extra.get("errors", [])))
    return [f"{row['field']}: {row['message']}" for row in rows]
