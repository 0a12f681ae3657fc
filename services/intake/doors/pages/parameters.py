"""The parameters that addresses of pages have."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

Code = Annotated[str, PathParameter()]
AttachmentId = Annotated[str, PathParameter()]
DraftId = Annotated[str, PathParameter()]
Language = Annotated[str, PathParameter()]
Version = Annotated[str, PathParameter()]
FileName = Annotated[str, PathParameter()]
GivenCode = Annotated[str, QueryParameter(name="code")]
GivenSecret = Annotated[str, QueryParameter(name="secret")]
GivenCategory = Annotated[str, QueryParameter(name="category")]
Back = Annotated[str, QueryParameter(name="back")]
GivenToken = Annotated[str, QueryParameter(name="token")]
Done = Annotated[str, QueryParameter(name="done")]
GivenWords = Annotated[str, QueryParameter(name="q")]
GivenName = Annotated[str, QueryParameter(name="name")]
GivenAgency = Annotated[str, QueryParameter(name="agency")]
GivenDay = Annotated[str, QueryParameter(name="from")]
GivenLastDay = Annotated[str, QueryParameter(name="to")]
GivenPage = Annotated[str, QueryParameter(name="page")]
