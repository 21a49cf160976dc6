/* What the page says, in the languages that it speaks. */
"use strict";
const WORDS = {
  en: {
    key: "Key", file: "Translate a file (or drop it here)", fetch: "Fetch the translation of",
    tongue: "Language of this page", from: "From", to: "To", type: "Type or paste text", text: "Text to translate", clear: "Clear",
    swap: "Swap languages", translation: "Translation", copy: "Copy", copied: "Copied", better: "Suggest a better one",
    better_how: "A better translation", send: "Send", cancel: "Cancel", thanks: "Thank you: it was kept.", others: "Other translations",
    history: "History, in this browser alone", forget: "Forget it", busy: "translating …", found: "found: ", auto: "Find out",
    characters: "characters", unreachable: "The server does not answer. Try again in a moment.", sure: "the model gives it", looks: "looks at",
    remarks: "Remarks", memory: "from the memory", steered: "by the model, after what the memory has of like text", term: "term",
    missing: "not rendered", line: "line",
    hint: "Hover a word, or go through the words with the arrow keys, to see what the model looked at. Words that it is not sure of are underlined.",
  },
  de: {
    key: "Schlüssel", file: "Eine Datei übersetzen (oder hierher ziehen)", fetch: "Übersetzung holen von",
    tongue: "Sprache dieser Seite", from: "Von", to: "Nach", type: "Text eingeben oder einfügen", text: "Zu übersetzender Text",
    clear: "Leeren", swap: "Sprachen tauschen", translation: "Übersetzung", copy: "Kopieren", copied: "Kopiert",
    better: "Bessere vorschlagen", better_how: "Eine bessere Übersetzung", send: "Senden", cancel: "Abbrechen",
    thanks: "Danke, sie ist gespeichert.", others: "Andere Übersetzungen", history: "Verlauf, nur in diesem Browser", forget: "Vergessen",
    busy: "übersetzt …", found: "erkannt: ", auto: "Erkennen", characters: "Zeichen",
    unreachable: "Der Server antwortet nicht. Gleich noch einmal versuchen.", sure: "das Modell gibt ihm", looks: "schaut auf",
    remarks: "Hinweise", memory: "aus dem Übersetzungsspeicher", steered: "vom Modell, nach Ähnlichem im Übersetzungsspeicher",
    term: "Fachwort", missing: "fehlt", line: "Zeile",
    hint: "Auf ein Wort zeigen oder mit den Pfeiltasten durch die Wörter gehen zeigt, worauf das Modell geschaut hat. Unsichere Wörter sind unterstrichen.",
  },
  ko: {
    key: "키", file: "파일 번역 (여기에 끌어다 놓아도 됩니다)", fetch: "번역 받기:",
    tongue: "이 페이지의 언어", from: "원문 언어", to: "번역 언어", type: "텍스트를 입력하거나 붙여 넣으세요", text: "번역할 텍스트", clear: "지우기",
    swap: "언어 바꾸기", translation: "번역", copy: "복사", copied: "복사됨", better: "더 나은 번역 제안", better_how: "더 나은 번역",
    send: "보내기", cancel: "취소", thanks: "고맙습니다. 저장되었습니다.", others: "다른 번역", history: "기록 (이 브라우저에만)", forget: "기록 지우기",
    busy: "번역 중 …", found: "감지됨: ", auto: "언어 감지", characters: "자", unreachable: "서버가 응답하지 않습니다. 잠시 후 다시 시도하세요.",
    sure: "모델이 준 확률", looks: "본 단어", remarks: "참고", memory: "번역 메모리에서", steered: "번역 메모리의 비슷한 문장을 참고한 모델 번역",
    term: "용어", missing: "반영되지 않음", line: "줄",
    hint: "단어 위에 마우스를 올리거나 화살표 키로 단어를 옮겨 가면 모델이 본 단어가 보입니다. 확신이 낮은 단어에는 밑줄이 있습니다.",
  },
};
