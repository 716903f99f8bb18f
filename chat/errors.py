"""Everything that can go wrong on the way to an answer, as one tree.

    PagodaError
    ├── SettingsError              a bad setting: the app does not start
    ├── DataFileError              a bad preset or locale file: the app does not start
    └── TurnError                  the question at hand fails; the next one may work
        ├── FormError              a value typed in the settings panel
        │   └── PromptTooLong      a system prompt of more characters than are allowed
        ├── ContextOverflow        the question alone is longer than the context
        ├── TooManyAnswers         the same user waits for as many as are allowed at once
        ├── TooLong                a message has more characters than are allowed
        ├── AnswerTooLong          the answer took all the time that there is for one
        ├── ShuttingDown           this process is about to end, and takes no questions
        ├── CutByShutdown          it ends now, before the answer did
        ├── NotAnswered            a question of an imported conversation that has no answer
        ├── PageGone               the page was gone for too long, and its answer was ended
        └── BackendError           the model server, see `chat.model_server`
            ├── BackendAbsent      nothing listens at its address
            ├── BackendLoading     it is starting
            ├── BackendRestarting  it answered earlier and refuses connections now
            ├── BackendFailing     it answers, with failures
            ├── BackendBusy        its queue is full
            ├── BackendSilent      it accepted the question and says nothing
            ├── BackendBroke       the answer broke off
            ├── EndedEarly         it ended the answer for a reason that is no end of the model's
            ├── BackendRefusedKey  the API key is wrong
            ├── ModelUnknown       it does not serve the model this page is set to use
            ├── ModelGone          it does not serve the model that was chosen any more
            └── RequestRefused     it calls the request wrong

A `TurnError` has a key of `chat/locales/`, the sentence a user reads. The message of the Python
exception is for the log and never reaches the page: it may hold addresses or keys.
"""

from __future__ import annotations


class PagodaError(Exception):
    """Base of all errors raised on purpose."""


class SettingsError(PagodaError):
    """A setting is wrong; the message names key, value and remedy."""


class DataFileError(PagodaError):
    """A data file is wrong; the message names file, place and fault."""


class TurnError(PagodaError):
    """A question fails. `text` is the key of the sentence, `values` what it is filled with."""

    text = "error_unknown"

    def __init__(self, detail: str = "", **values: object) -> None:
        super().__init__(detail)
        self.values = values

    @property
    def kind(self) -> str:
        """A word for it, for those who count."""
        return self.text.removeprefix("error_")


class FormError(TurnError):
    text = "error_form"


class PromptTooLong(FormError):
    text = "error_prompt_too_long"


class ContextOverflow(TurnError):
    text = "error_context_overflow"


class TooManyAnswers(TurnError):
    text = "error_too_many_answers"


class TooLong(TurnError):
    text = "error_too_long"


class AnswerTooLong(TurnError):
    text = "error_answer_too_long"


class ShuttingDown(TurnError):
    text = "error_shutting_down"


class CutByShutdown(TurnError):
    text = "error_cut_by_shutdown"


class NotAnswered(TurnError):
    text = "error_not_answered"


class PageGone(TurnError):
    text = "error_page_gone"


class BackendError(TurnError):
    text = "error_backend_failing"


class BackendAbsent(BackendError):
    text = "error_backend_absent"


class BackendLoading(BackendError):
    text = "error_backend_loading"


class BackendRestarting(BackendError):
    text = "error_backend_restarting"


class BackendFailing(BackendError):
    text = "error_backend_failing"


class BackendBusy(BackendError):
    text = "error_backend_busy"


class BackendSilent(BackendError):
    text = "error_backend_silent"


class BackendBroke(BackendError):
    text = "error_backend_broke"


class EndedEarly(BackendError):
    text = "error_ended_early"


class BackendRefusedKey(BackendError):
    text = "error_backend_refused_key"


class ModelUnknown(BackendError):
    text = "error_model_unknown"


class ModelGone(BackendError):
    text = "error_model_gone"


class RequestRefused(BackendError):
    text = "error_request_refused"
