-- Tenants are kept apart by the database: a statement sees and writes the rows of the tenants that its transaction
-- named (`app.tenants`, names with commas between them), and where none are named, none. FORCE holds the tables'
-- owner too, unless that is a superuser. A later migration that touches rows sets `app.tenants` first.
ALTER TABLE "tenant" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "tenant" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "tenant" USING ("id" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "matrix_version" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "matrix_version" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "matrix_version" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "certificate_authority" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "certificate_authority" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "certificate_authority" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "host_key" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "host_key" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "host_key" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "request" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "request" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "request" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "approval" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "approval" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "approval" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "access_grant" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "access_grant" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "access_grant" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "session" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "session" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "session" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "outbox" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "outbox" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "outbox" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "log_head" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "log_head" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "log_head" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "log_entry" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "log_entry" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "log_entry" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "checkpoint" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "checkpoint" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "checkpoint" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
CREATE OR REPLACE FUNCTION append_log(
  p_tenant text, p_entries uuid[], p_actions text[], p_actors text[], p_subjects text[],
  p_heads text[], p_middles text[], p_tails text[]
) RETURNS TABLE (entry uuid, seq bigint, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  head public.log_head%ROWTYPE;
  stamp text;
  full_line text;
  i integer;
BEGIN
  -- The policies do not hold the owner of these tables where that is a superuser, and the owner is who runs this.
  IF p_tenant = ANY (string_to_array(current_setting('app.tenants', true), ',')) IS NOT TRUE THEN
    RAISE EXCEPTION 'the log of another tenant' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.log_head (tenant, seq, hash, at)
    VALUES (p_tenant, 0, decode(repeat('00', 32), 'hex'), 'epoch') ON CONFLICT (tenant) DO NOTHING;
  SELECT * INTO head FROM public.log_head h WHERE h.tenant = p_tenant FOR UPDATE;
  -- Truncated to the millisecond that the line shows, and never behind the entry before.
  head.at := greatest(date_trunc('milliseconds', clock_timestamp()), head.at);
  stamp := to_char(head.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  FOR i IN 1 .. coalesce(array_length(p_entries, 1), 0) LOOP
    -- A repeated append (its first answer was lost) finds its entry and writes nothing.
    IF EXISTS (SELECT 1 FROM public.log_entry e WHERE e.entry = p_entries[i]) THEN
      CONTINUE;
    END IF;
    head.seq := head.seq + 1;
    -- Whoever calls may be anybody with the program's role: a line says what it is filed under, and stays one line.
    IF p_heads[i] IS DISTINCT FROM '{"action":' || to_json(p_actions[i]) || ',"actor":' || to_json(p_actors[i]) || ',"at":"'
      OR p_tails[i] IS DISTINCT FROM ',"subject":' || to_json(p_subjects[i]) || ',"tenant":' || to_json(p_tenant) || '}'
      OR p_middles[i] !~ '^","data":\{.*\},"prev":"$' OR p_middles[i] ~ '[\x01-\x1f]'
      OR (('{"' || substr(p_middles[i], 4, length(p_middles[i]) - 12) || '}')::json) IS NULL THEN
      RAISE EXCEPTION 'not the fragments of a log entry' USING ERRCODE = 'check_violation';
    END IF;
    full_line := p_heads[i] || stamp || p_middles[i] || encode(head.hash, 'hex') || '","seq":' || head.seq || p_tails[i];
    head.hash := sha256(convert_to(full_line, 'UTF8'));
    INSERT INTO public.log_entry (tenant, seq, entry, action, actor, subject, at, line, leaf)
      VALUES (p_tenant, head.seq, p_entries[i], p_actions[i], p_actors[i], p_subjects[i], head.at, full_line,
              sha256('\x00'::bytea || convert_to(full_line, 'UTF8')));
    entry := p_entries[i];
    seq := head.seq;
    at := head.at;
    RETURN NEXT;
  END LOOP;
  UPDATE public.log_head h SET seq = head.seq, hash = head.hash, at = head.at WHERE h.tenant = p_tenant;
END
$$;
