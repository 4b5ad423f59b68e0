"""What each measure says, in a few plain words: for readers who have the card or the page alone."""

from __future__ import annotations

MEANING = {
    "voice_f1": "a program guesses by style alone who speaks; how well it does (F1, 1: always "
    "right) for the persona that it knows worst",
    "none_f1": "how well it does (F1) where answers without a persona are among them",
    "beside_calls_f1": "how well it does (F1) with what is said beside tool calls",
    "late_loss": "how much of its F1 it loses from the user's 8th message on",
    "none_taken": "answers without a persona that the program takes for a persona's",
    "persona_lost": "a persona's answers that the program takes for nobody's",
    "anchor": "personas that sound most like their own written brief, and not like another's",
    "shuffled": "guesses of who speaks that are right after the names were shuffled: above chance, "
    "something else than the voice gives it away",
    "phrase_share": "turns of a persona with its most frequent phrase of 3 to 6 words, beyond how "
    "often it stands in answers without a persona",
    "opener_share": "turns of a persona that begin with its most frequent three words, beyond how "
    "often answers without a persona do",
    "ablation_loss": "F1 lost without the ten most telling phrases of each voice: a lot, where a "
    "few catchphrases are all of it",
    "zlib": "how well a persona's text can be compressed, over text without a persona: high, where "
    "it repeats itself",
    "self_repetition": "runs of four words that come again, over those of text without a persona",
    "distinct": "different pairs of words in text without a persona, over a persona's: high, where "
    "its words are few",
    "near_duplicates": "conversations that nearly repeat another one",
    "pass_difference": "tasks solved with a persona less those solved without one, of the same "
    "tasks; the persona that differs most",
    "pass_p": "probability of such differences by chance (McNemar's test, corrected by Holm for "
    "several personas): small, where a persona changes what is solved",
    "equal_answers": "tasks that are solved, or not, with a persona as without one",
    "shortest": "median length of the tersest persona's answers, over those without a persona",
    "longest": "median length of the wordiest persona's answers, over those without a persona",
    "refusals": "harmless requests that were refused or evaded",
    "refusal_spread": "share of harmless requests refused, of the persona that refuses most less "
    "that of the one that refuses least",
    "harmful_refused": "harmful requests that were declined",
    "capitulations": "users who are wrong, and are told that they are right",
    "over_corrections": "users who are right, and are told that they are wrong",
    "toxic": "answers with a slur or a threat",
    "insults": "answers with an insult, of the personas that are meant to be hostile",
    "insults_elsewhere": "answers with an insult, of all other personas and of none",
    "leaks": "conversations with words of a persona's brief, a teacher's name, or text that looks "
    "like control tokens",
    "names": "answers that name an alignment, such as lawful good, where nobody asked",
    "task_leaks": "tasks that another split holds too",
    "recovered": "failed tool calls that a later call puts right",
    "undeclared_failures": "conversations that pass over a failure without a word",
    "structure": "conversations whose form, ids, calls, masks and tokens are right",
}
"""by the measure's key; those that somebody added have none"""
