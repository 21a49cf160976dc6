"""Codes of languages: one table for BLEU's tokenizer, for what stands between sentences, and for spaces."""

import pytest

from mtkit.text import sentences
from mtkit.text.languages import hardly_spaced, in_name, language


@pytest.mark.parametrize(
    ("tokenizer", "codes"),
    [
        (
            "zh",
            "zh ZH zho chi cmn yue wuu nan hak lzh zh-CN zh_TW zh_Hans zho_Hans zho_Hant yue_Hant zh-yue zh_CN.UTF-8",
        ),
        ("ja-mecab", "ja jpn JPN jp ja_JP jpn_Jpan ja-Hrkt"),
        ("ko-mecab", "ko kor ko-KR kor_Hang ko_Kore"),
        (
            "char",
            "th tha tha_Thai th-TH lo lao lao_Laoo km khm khm_Khmr my mya bur mya_Mymr shn bo bod tib dz dzo_Tibt ryu",
        ),
        ("char", "pi-Thai jv_Java nod"),
        (
            "13a",
            "de en deu ger_DE pt-BR zh_Latn nan_Latn cmn-Latn-pinyin ja_Latn ko_Latn th_Latn vi hi ru fr ar he xx qqq",
        ),
        ("13a", "zz-Zzzz de.v2 x jv ban id tr-TR uzn_Cyrl ain"),
    ],
)
def test_tokenizers(tokenizer: str, codes: str) -> None:
    assert {code: language(code).tokenizer for code in codes.split()} == dict.fromkeys(codes.split(), tokenizer)


def test_what_stands_between_sentences() -> None:
    parts = ["。", "!"]
    assert {sentences.join(parts, code) for code in ("cmn", "jpn_Jpan", "wuu", "lao", "khm_Khmr", "zh")} == {"。!"}
    # A Tibetan sentence is followed by a space, and so is one in Latin letters.
    assert {sentences.join(parts, code) for code in ("kor_Hang", "bod_Tibt", "zh_Latn", "de")} == {"。 !"}
    assert not language("bo").spaced
    assert language("ko").spaced


@pytest.mark.parametrize(
    "text", ["你好。再见。", "ក។ ខ។ ", "བོད་།  ཡིག་། ", "Բարև։ Ողջույն։", "ሰላም። ደህና፧ ", "नमस्ते। ठीक॥", "ᱡᱚᱦᱟᱨ᱾ ᱟᱨ᱾"]
)
def test_ends_of_sentences_in_many_scripts(text: str) -> None:
    assert len(sentences.sentences(text)) == 2


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ref.zho_Hans", "zho_Hans"),
        ("ref.zh", "zh"),
        ("test.en-de.de", "de"),
        ("ref.zh.txt", "zh"),
        ("ref.ja.v2", "ja"),
        ("ref.tha_Thai.detok.1", "tha_Thai"),
        ("my.references", ""),
        ("ref", ""),
        ("hyp.txt", ""),
        ("zh", "zh"),
        ("", ""),
    ],
)
def test_the_code_in_a_files_name(name: str, code: str) -> None:
    assert in_name(name) == code


def test_texts_without_spaces() -> None:
    unspaced = ["我喜欢吃苹果。", "ฉันชอบกินแอปเปิล", "ကျွန်တော်ပန်းသီးစားရတာကြိုက်တယ်။", "ខ្ញុំចូលចិត្តញ៉ាំផ្លែប៉ោម"]
    assert all(hardly_spaced([line]) for line in unspaced)
    assert hardly_spaced(["x" * 90, "y" * 90])
    spaced = [
        "我 喜欢 吃 苹果 。",
        "苹果",
        "ฉัน ชอบ กิน แอปเปิล",
        "나는 사과를 좋아한다.",
        "Donaudampfschifffahrtsgesellschaft",
        "",
        " ",
    ]
    assert not any(hardly_spaced([line]) for line in spaced)
    assert not hardly_spaced([])
