"use strict";
// What every page has: the choice of a theme, and buttons that copy code.

const root = document.documentElement;
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.querySelector("#theme");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches;
}

function nameTheme() {
  themeButton.textContent = isDark() ? "Light theme" : "Dark theme";
}

function changeTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // The choice holds for this page.
  }
}

function runnable(code) {
  const copy = code.cloneNode(true);
  copy.querySelectorAll(".prompt, .output").forEach((part) => part.remove());
  return copy.textContent.replace(/\n{2,}/g, "\n").trim() + "\n";
}

async function copyCode(button) {
  const text = runnable(button.closest("figure").querySelector("code"));
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.closest("figure").querySelector("code"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

themeButton.hidden = false;
themeButton.addEventListener("click", changeTheme);
darkSystem.addEventListener("change", nameTheme);
nameTheme();
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copyCode(button));
}
