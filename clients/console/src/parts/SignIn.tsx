// The door: a key's token for a cookie that scripts can't read.

import { useSignal } from "@preact/signals";

import { useConsole } from "../console";

export function SignIn() {
  const { session } = useConsole();
  const asking = useSignal(false);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = new FormData(form).get("token") as string;
    asking.value = true;
    const inside = await session.signIn(token);
    asking.value = false;
    if (inside) return location.reload();
    form.reset();
    (form.elements.namedItem("token") as HTMLInputElement).focus();
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void enter(event)}>
        <h1>elitscope</h1>
        <p>This server asks for a key.</p>
        <label>
          Token
          <input name="token" type="password" required autofocus autocomplete="current-password" placeholder="elit_…" />
        </label>
        <button type="submit" class="primary" disabled={asking.value}>
          Sign in
        </button>
        {session.trouble.value !== "" && (
          <p class="trouble" role="alert">
            {session.trouble.value}
          </p>
        )}
        <small>
          Who runs the server makes keys: <code>elitscope-server keys create NAME --scope operate</code>
        </small>
      </form>
    </main>
  );
}
