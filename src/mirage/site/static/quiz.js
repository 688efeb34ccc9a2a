// A few questions on what the site shows: which diagnosis, or which side? Answers are kept nowhere.

import { _ } from "./words.js";
import { root } from "./parts.js";
import { made } from "./cards.js";

const quiz = document.getElementById("quiz");
if (quiz) {
  const questions = JSON.parse(document.getElementById("questions").textContent);
  const shuffled = (list) => list.map((value) => [Math.random(), value]).sort((a, b) => a[0] - b[0]).map(([, value]) => value);
  let right = 0, done = 0, left = shuffled(questions);
  const next = () => {
    const question = left.pop();
    if (!question) {
      quiz.replaceChildren(made("p", { role: "status" }, _("%(right)s of %(done)s answered correctly.", { right, done })), made("p", {}, made("a", { class: "button", href: "" }, _("Begin again"))));
      return;
    }
    const said = made("p", { class: "hint", role: "status" });
    const answers = made("p", { class: "actions" });
    for (const answer of shuffled(question.answers)) {
      const button = made("button", { type: "button" }, answer);
      button.addEventListener("click", () => {
        done += 1;
        const fits = answer === question.answers[0];
        right += fits;
        for (const other of answers.children) other.disabled = true;
        said.replaceChildren(
          fits ? _("Correct: %(answer)s.", { answer: question.answers[0] }) : _("Not so. Correct is: %(answer)s.", { answer: question.answers[0] }), " ", question.why, " ",
          made("a", { href: root + question.page }, _("Look at the figure and its source")), " ",
        );
        const more = made("button", { type: "button" }, _("Next"));
        more.addEventListener("click", next);
        said.append(more);
        more.focus();
      });
      answers.append(button);
    }
    quiz.replaceChildren(
      made("p", { class: "hint" }, _("%(done)s of %(count)s answered", { done, count: questions.length })),
      made("img", { src: root + question.picture, alt: _("The figure to name"), class: "quiz-picture" }), made("h2", {}, question.asks), made("p", { class: "hint" }, question.grounds), answers, said,
    );
  };
  next();
}
