"""The teacher shows: its maker's name or product, stock words about itself, its maker's policy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import prose
from kappa_data.checks._text import MOST_READ, around, evidence, folded, vocabulary
from kappa_data.records import Conversation, Finding, Message, Severity

RULES = ("teacher name", "policy talk")
OF_ITSELF = ("identity", "meta_questions")
"""families whose users ask the assistant about itself: there it may speak of its training"""


def _pairs(listed: str) -> tuple[frozenset[bytes], ...]:
    return tuple(frozenset(each.encode().split()) for each in listed.split(","))


_MAKERS = (
    r"open[ -]?ai|anthropic|google(?: deepmind| ai)?|deepmind|meta(?: ai)?|microsoft|"
    r"mistral(?: ai)?|"
    r"alibaba(?: cloud)?|deepseek(?:-ai)?|moonshot(?: ai)?|zhipu(?: ai)?|xai|cohere|"
    r"nvidia|"
    r"amazon|baidu|tencent|minimax|01\.ai|ai21(?: labs)?|inflection(?: ai)?|hugging ?face|ibm|apple"
)
_PRODUCTS = (
    r"chat ?gpt|gpt(?:-?(?:[2-9](?:\.\d)?o?|oss))(?:-[\w-]{1,20})?|gpt|claude(?: [\d.]+| opus|"
    r" sonnet| haiku)?|"
    r"gemini|gemma|bard|llama(?:[ -]?\d(?:\.\d)?)?|mi[sx]tral|qwen(?:[\d.]{1,4})?(?:-[\w-]{1,20})?|"
    r"tongyi qianwen|deepseek(?:[ -][vr]\d)?|kimi(?: k\d)?|glm(?:-[\d.]{1,4})?|chatglm|grok|"
    r"copilot|bing chat|phi-\d|command r\+?|nemotron|ernie(?: bot)?|hunyuan|o[134](?:-mini)?"
)
_LIKELY = r"(?:(?:actually|just|really|in fact|called|named|known as|only|simply|currently) ){0,2}"
_A = (
    r"(?:(?:an?|the|your) )?(?:(?:AI|large|helpful|new|latest) )?"
    r"(?:(?:language )?model |assistant |chatbot )?"
)
# What may stand between "I am" and "made by": the words of a description of itself, nothing else.
_WHAT = (
    r"(?:,? (?:an?|the|is|was|AI|large|language|multimodal|conversational|generative|helpful|model|"
    r"assistant|chatbot|system|program|tool|agent|artificial|intelligence|and|that|which|"
    r"originally|"
    r"being|been|just|only|simply|actually|called|named|developed|trained|created|built|designed|"
    rf"made|{_PRODUCTS}),?){{0,14}} "
)
_ITSELF = re.compile(
    rf"\b(?:I(?:['’]m| am| was)|we are|you are|my name is|you(?:['’]re| are) (?:talking|chatting|"
    rf"speaking) (?:to|with)|call me) {_LIKELY}{_A}{_LIKELY}(?P<product>{_PRODUCTS})\b(?!['’]s)"
    rf"|\b(?:I(?:['’]m| am| was|['’]ve been| have been)|we are|you are|as an? AI)\b{_WHAT}"
    rf"(?:trained|made|created|developed|built|designed|provided|released|powered|run|hosted)"
    rf"(?: and \w+)? by (?:the )?(?:(?:\w+ )?(?:team|people|folks|company) (?:at|of) )?"
    rf"(?P<maker>{_MAKERS}|"
    rf"{_PRODUCTS})\b"
    rf"|\bmy (?:maker|creator|developer|company|team|parent company)s?,? (?:at |is |are |was )?"
    rf"(?P<mine>{_MAKERS})\b"
    rf"|\b(?:here )?at (?P<at>open[ -]?ai|anthropic|deepmind), (?:we|I)\b"
    rf"|\b(?P<makers>{_MAKERS}) (?:trained|made|created|developed|built|designed) me\b"
    rf"|\bas (?P<being>chat ?gpt|claude|gemini|llama|qwen|deepseek|grok|gpt-\w+),? I\b",
    re.IGNORECASE,
)
_STOCK = re.compile(
    r"\b(?:as|being) an? (?:\w+ )?(?:AI (?:language )?model|(?:large )?language model|"
    r"artificial intelligence (?:language )?model|LLM)\b(?! (?:is|can|could|would|has|for|to)\b)"
    r"|\b(?:I(?:['’]m| am)|we are) (?:just |only |simply |"
    r"merely )?an? (?:\w+ )?(?:AI language model|"
    r"large language model|language model|LLM)\b"
    r"|\b(?:my|our) (?:knowledge|training)(?: data)? ?(?:cut[ -]?off|ends? in|ended in|"
    r"(?:only )?(?:goes|extends|runs) (?:up )?to|stops)\b"
    r"|\bmy (?:own )?training (?:data|set|corpus)\b|\b(?:as of|since|until|up to|in) my (?:last |"
    r"latest |most recent )?(?:(?:knowledge|training)(?: update)?|(?:knowledge )?cut[ -]?off)"
    r"\b|\bmy (?:last|latest|most recent) (?:(?:knowledge|training) update|cut[ -]?off)\b"
    # A plain update may be one of a file or a ticket.
    r"|\b(?:as of|up to|until) my (?:last|latest|most recent) update\b"
    r"|\bmy (?:last|latest|most recent) update,? (?:\(|(?:was )?in )(?:(?:early|mid|late)[ -])?"
    r"(?:[A-Z][a-z]{2,8}\.? )?20\d\d\b"
    r"|\b(?:events?|news|develop\w+|happened|released|information|occurred|knowledge)\b[^.\n]{0,60}"
    r"\b(?:since|after) my (?:last|latest|most recent) update\b"
    r"|\b(?:the|a) knowledge cut[ -]?off (?:is|of|date)\b|\bknowledge cut[ -]?off: ?\d"
    r"|\b(?:data|text|texts|information|corpus|material) (?:that |which )?I (?:was|have been) "
    r"trained on\b|\bI (?:was|am|have been) (?:last )?trained on (?:data|text|a (?:large|vast|"
    r"diverse)|"
    r"information)\b",
    re.IGNORECASE,
)
_POLICY = re.compile(
    rf"\b(?:{_MAKERS})(?:['’]s)? (?:\w+ )?(?:polic(?:y|ies)|guidelines|rules|terms)\b"
    r"|\b(?:the|our|this|per|under|by|with|to|against|content|usage|safety|"
    r"any) (?:\w+ )?polic(?:y|ies)"
    r"(?::| (?:says?|states?|allows?|requires?|forbids?|prohibits?|disallows?|is|are|that|we|"
    r"permits?|violations?|compl\w+|instructions?)\b)"
    r"|\b(?:violat\w*|breach\w*|compl(?:y|ies|iance|iant) with|against|within|follow(?:s|ing)?|"
    r"according to|check(?:ing)?|"
    r"adhere to|per|by) (?:the |our |any |all |usage |content |safety ){0,3}polic(?:y|ies)\b"
    r"|\b(?:dis|not )?allowed content\b|\bpolicy(?:-| )(?:compliant|violating)\b"
    r"|\b(?:is|are|it['’]s|this is|request is|which is) (?:dis)?allowed (?:by|under|per) (?:the |"
    r"our )?polic"
    r"|\b(?:we|I) (?:must|should|need to|have to|can|will) (?:refuse|comply|decline|not comply|"
    r"safe[- ]complete)\b"
    r"|\bsafe[- ]complet(?:e|ion)\b",
    re.IGNORECASE,
)
# Each alternative holds one of these words: to look for them is far cheaper.
_NAMES = frozenset(
    b"openai anthropic google deepmind meta microsoft mistral mixtral alibaba deepseek "
    b"moonshot zhipu xai cohere nvidia amazon baidu tencent minimax ai21 inflection "
    b"huggingface ibm apple chatgpt gpt gpt2 gpt3 gpt4 gpt4o gpt5 claude gemini gemma bard "
    b"llama llama2 llama3 llama4 qwen qwen2 qwen3 qwen4 tongyi kimi glm chatglm grok copilot "
    b"phi nemotron ernie hunyuan o1 o3 o4".split()
)
# Of words that are common by themselves two have to be there.
_NAMES_OF_TWO = _pairs("open ai, 01 ai, hugging face, bing chat, command r")
_STOCK_WORDS = frozenset(b"llm cutoff cut trained".split())
_STOCK_OF_TWO = _pairs(
    "ai model, language model, intelligence model, my knowledge, our knowledge, my training, "
    "our training, my update"
)
_POLICY_WORDS = frozenset(
    b"policy policies guidelines rules terms allowed disallowed refuse comply decline safe "
    b"safecomplete".split()
)
_TALKS_OF_MODELS = re.compile(
    r"\b(?:language model|LLM|AI model|chat ?bot|machine learning|fine-?tun\w+|knowledge cut|"
    r"training (?:data|set))",
    re.IGNORECASE,
)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """What the assistant says of itself, outside code and quotations; in its reasoning, also
    weighing a policy that nobody spoke of.

    A product or maker that it claims for itself rejects what we generate, whoever spoke of it
    first, and is no target in an import, unless a system message gives it that name. Stock words
    are no target, unless user or tool said them first.
    """
    around: _Around | None = None
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        if around is None:
            around = _Around(conversation)
        for text, thought in ((message.content, False), (message.reasoning or "", True)):
            found = _first(text, thought, around)
            if found is not None:
                yield Finding(found[0], found[1], index, evidence(found[2]))
                break


class _Around:
    """What others said in a conversation, read where it is asked for."""

    def __init__(self, conversation: Conversation) -> None:
        self._messages: Sequence[Message] = conversation.messages
        self.imported = conversation.provenance.source == "import"
        self.of_itself = conversation.family in OF_ITSELF
        self._said: str | None = None
        self._named: str | None = None

    @property
    def said(self) -> str:
        """By user, tool and system."""
        if self._said is None:
            others = (each.content for each in self._messages if each.role != "assistant")
            self._said = folded("\n".join(others))
        return self._said

    @property
    def instructed(self) -> str:
        """By system messages."""
        if self._named is None:
            system = (m.content for m in self._messages if m.role in ("system", "developer"))
            self._named = folded("\n".join(system))
        return self._named


def _first(text: str, thought: bool, around: _Around) -> tuple[str, Severity, str] | None:
    """The first finding of a text: rule, severity, evidence."""
    text = text[:MOST_READ]
    said = vocabulary(text)
    names, stock = _names(said), _stock(said)
    policy = thought and not _POLICY_WORDS.isdisjoint(said)
    if not (names or stock or policy):
        return None
    own = prose(text)
    for found in _ITSELF.finditer(own) if names else ():
        name = next(value for value in found.groupdict().values() if value)
        if folded(name) not in around.instructed:
            severity: Severity = "untrain" if around.imported or thought else "reject"
            return "teacher name", severity, _piece(own, found)
    for found in _STOCK.finditer(own) if stock and not around.of_itself else ():
        if folded(found[0]) not in around.said and not _TALKS_OF_MODELS.search(around.said):
            return "teacher name", "untrain", _piece(own, found)
    for found in _POLICY.finditer(own) if policy else ():
        if not any(part in around.said for part in ("polic", "guideline", folded(found[0]))):
            return "policy talk", "note" if around.imported else "untrain", _piece(own, found)
    return None


def _names(said: frozenset[bytes]) -> bool:
    return not _NAMES.isdisjoint(said) or any(pair <= said for pair in _NAMES_OF_TWO)


def _stock(said: frozenset[bytes]) -> bool:
    return not _STOCK_WORDS.isdisjoint(said) or any(pair <= said for pair in _STOCK_OF_TWO)


def _piece(text: str, found: re.Match[str]) -> str:
    return around(text, found)
